"""Signs of an emergency in what a patient wrote: what is wrong, with which part, how badly."""

import re
from collections.abc import Iterator

from annotation.text_safety import clauses as cl

_BADLY = (
    r"剧烈?|突然|突发|厉害|要命|撕裂|压榨|放射|难忍|受不了"
    r"|\bcrushing|\bsevere|\bsudden\w*|\bstabbing|\bunbearable|\bterrible|\btearing|\bspreading|\bgoing down"
    r"|\bdown my arm|\binto my (?:arm|jaw)"
)
_ALONE = re.compile(
    # heart and breath
    r"胸[口前部]?[^,。;乳]{0,4}(?:绞|压|闷得|剧)[^,。;]{0,2}[痛疼]?|胸闷|心绞痛|心梗|喘得|喘不|气都上不来|上不来气"
    r"|呼吸(?:急促|费力|不畅)|窒息"
    r"|嘴唇?[^,。;]{0,3}[紫青]|\blips?\b[^,.;]{0,12}\b(?:blue|purple|gr[ea]y)|\bchest\b[^,.;]{0,12}\btight\w*"
    r"|\bcan\'t lie flat"
    r"|\b(?:gasp\w*|choking|suffocat\w*|struggl\w* (?:to|for) breathe?|out of breath|fight\w* for (?:breath|air)"
    r"|can'?t get (?:my breath|(?:any |enough )?air))"
    # bleeding that does not stop
    r"|(?:往外|不断|一直|不停)[^,。;]{0,3}[冒涌喷渗]血?|血[^,。;]{0,4}(?:不停|不止|止不住|没停|哗哗|喷)|(?:一直|不断"
    r"|不停地?|大量|好多|很多)[^,。;]{0,4}(?:渗血|流血|出血|冒血|血块)|(?:纱布|衣服|绷带)[^,。;]{0,6}(?:湿透|浸透"
    r"|染红|换了好几)"
    r"|\bsoak\w* through\b[^.;]{0,40}|\b(?:pouring|gushing|spurting) (?:\w+ )?blood|\bblood (?:is|keeps) \w+ing"
    r"|\bblood (?:won'?t|does ?n[o']t|will not) (?:stop|clot)"
    # consciousness and nerves
    r"|人事不省|不省人事|失去知觉|没了知觉|叫不醒|眼前(?:一)?发?黑|半边(?:身体?|身子|脸)[^,。;]{0,4}(?:麻|动不了"
    r"|没力)|口角歪|嘴(?:角)?歪|说不出话|说话不清"
    r"|\b(?:black(?:ed)? out|collaps\w+|not responsive|unresponsive|los[te] consciousness|slurred|(?:face|mouth"
    r"|smile)\b[^,.;]{0,14}\bdroop\w*|(?:arm|leg)\b[^,.;]{0,10}\b(?:limp|paraly\w+)|one side (?:of my (?:body"
    r"|face) )?(?:is |went )?(?:numb|weak))"
    # allergy
    r"|(?:喉咙|嗓子|舌头|嘴唇|脸|眼睛)[^,。;]{0,6}肿|全身[^,。;]{0,4}(?:疹|风团|荨麻疹)|过敏性?休克"
    r"|\b(?:throat|tongue|lips?|face)\b[^,.;]{0,16}\bsw[eo]ll\w*|\bhives\b|\banaphyla\w+"
    # fever with shivering
    r"|(?:高烧|高热|发高烧|烧到(?:三十九|四十|39|40|41))|寒战|浑身发抖|全身发抖|打摆子|\braging fever"
    r"|\b(?:very )?high (?:fever|temperature)|\bshivering\b|\brigors?\b|\btemperature of (?:39|4[01]|10[2-6])"
    # her own life
    r"|活着[^,。;]{0,4}(?:没意思|没意义|没劲|累)|不如死|想死|了结(?:自己|生命|这一切)|结束(?:自己|生命|这一切)"
    r"|不想(?:再)?(?:活|撑)|割腕|跳楼|再也不(?:想)?(?:醒|回来)|离开(?:这个)?(?:世界|人世)|一了百了|遗书|后事|自残"
    r"|伤害自己"
    r"|(?:\bno|n't(?: see)? (?:any|the|much)) (?:point|reason|use) (?:in |to |of )?(?:liv\w+|go(?:ing)? on"
    r"|stay alive)|\bbetter off (?:dead|without me)|\b(?:leave|leaving) (?:this|the) world|\bnever wak\w+ up"
    r"|\baffairs in order|\b(?:won\'t|not) be (?:around|here) (?:much )?longer|\bhurt(?:ing)? myself"
    r"|\bharm(?:ing)? myself"
    r"|\b(?:do(?:es)?n'?t|do not) want to (?:live|be here|wake up|be alive)|\bending it all|\btake my (?:own )?life"
    r"|\bwish I (?:were|was) dead|\bsay(?:ing)? goodbye",
    cl.FLAGS,
)
_CHEST = re.compile(
    r"(?:左胸|胸口|胸部|胸前|心口|心脏|胸)[^,。;]{0,6}[痛疼闷]|\bchest\b[^,.;]{0,20}\b(?:pain|ache|hurt)\w*"
    r"|\b(?:pain|press|weight|squeez|heav)\w* [^,.;]{0,12}\bchest",
    cl.FLAGS,
)
_TEARS = re.compile(r"胳膊|手臂|后背|肩|下巴|冷汗|恶心|大汗|\barm\b|\bjaw\b|\bsweat", cl.FLAGS)


def signs(text: str) -> Iterator[re.Match[str]]:
    """Signs that stand for themselves, and pain in the chest that is sudden, severe or spreading."""
    yield from _ALONE.finditer(text)
    for sentence in cl.sentences(text):
        if sentence.says(_BADLY) or sentence.says(_TEARS.pattern):
            yield from _CHEST.finditer(text, sentence.start, sentence.end)
