"""Names, numbers and addresses in other writings than the header's: split, without marks, in the other script."""

import random
import unicodedata
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammo.archive.cleaning import clean_text
from mammo.archive.one_script import _SIMPLIFIED, _TRADITIONAL, in_one_script
from mammo.archive.roster import Roster

HERS: Roster = {
    "names": ["Zhang^Xiaoming=張^曉明"],
    "doctors": ["趙^文傑", "Müller^Jürgen", "Ødegård^Sören"],
    "numbers": ["H1234567", "A20010112345", "2019-03-00815"],
}

KNOWN = [
    ("{} came for her films", "Xiaoming"),
    ("{} came for her films", "Xiao Ming"),
    ("{} came for her films", "Xiao-Ming"),
    ("{} came for her films", "xiao ming"),
    ("{} came for her films", "Zhang Xiao-Ming"),
    ("{} came for her films", "XIAO MING ZHANG"),
    ("{} came for her films", "Xiǎomíng Zhāng"),
    ("{} came for her films", "Zhāng Xiǎo Míng"),
    ("{} came for her films", "Zha\u0304ng Xia\u030comi\u0301ng"),
    ("{} came for her films", "Zhang X.M."),
    ("{} came for her films", "X. M. Zhang"),
    ("{}来复查", "张晓明"),
    ("{}来复查", "張曉明"),
    ("{}来复查", "晓明"),
    ("{}来复查", "曉 明"),
    ("{}来复查", "晓明姐"),
    ("{}来复查", "张女士"),
    ("{}来复查", "張小姐"),
    ("{}看的片子", "赵文杰"),
    ("{}看的片子", "趙文杰"),
    ("read with {} today", "Muller"),
    ("read with {} today", "Mueller"),
    ("read with {} today", "MÜLLER"),
    ("read with {} today", "Jürgen Mu\u0308ller"),
    ("read with {} today", "Juergen Mueller"),
    ("read with {} today", "Jurgen Muller"),
    ("read with {} today", "Odegard"),
    ("read with {} today", "Soren Oedegaard"),
    ("films {} of her", "A2001 0112345"),
    ("films {} of her", "A-2001.0112345"),
    ("films {} of her", "12345"),
    ("films {} of her", "112345"),
    ("films {} of her", "00815"),
    ("films {} of her", "201903 00815"),
    ("她的号{}", "一二三四五六七"),
]


@pytest.mark.parametrize(("sentence", "written"), KNOWN)
def test_what_is_known_is_found_in_every_writing(sentence: str, written: str) -> None:
    cleaned = clean_text(sentence.format(written), HERS).text
    before, after = sentence.split("{}")
    assert cleaned in {f"{before}[{token}]{after}" for token in ("name", "姓名", "number", "编号")}, cleaned


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("a.b (at) example.com", "example"),
        ("a.b(at)example.com", "example"),
        ("a.b @ example . com", "example"),
        ("a.b@example dot com", "example"),
        ("zhang at example dot com", "zhang"),
        ("write to li.wei at hospital.org please", "li.wei"),
        ("li [at] example [dot] co [dot] uk", "li"),
        ("邮箱 zhang（at）163点com", "163"),
        ("zhang艾特163.com", "163"),
        ("邮箱是zhang ＠ 163．com", "163"),
        ("一三八，零零一三，八零零零", "八零零零"),
        ("手机一三八、零零一三、八零零零", "一三八"),
        ("幺三八，零零幺三，八零零零", "幺三八"),
        ("一 三 八 零 零 一 三 八 零 零 零", "三 八"),
        ("１３８，００１３，８０００", "００１３"),
        ("138, 0013, 8000", "0013"),
        ("1 3 8 0 0 1 3 8 0 0 0", "3 8"),
        ("one three eight, zero zero one three, eight zero zero zero", "eight"),
        ("电话是1380013，后面是8000", "8000"),
        ("检查号末四位2345", "2345"),
        ("accession ending 12345", "12345"),
        ("accession no. ending in 2345", "2345"),
        ("the last four digits are 4567", "4567"),
        ("住院号后四位是4567", "4567"),
        ("手机尾号８０００", "８０００"),
        ("護士長王芳說", "王芳"),
        ("护士长王芳说要复查", "王芳"),
        ("护师李敏告诉我", "李敏"),
        ("主管护师赵丽", "赵丽"),
        ("博士生导师王建明来会诊", "王建明"),
        ("院长李明", "李明"),
        ("科主任张伟和院长陈志强", "张伟"),
        ("科主任张伟和院长陈志强", "志强"),
        ("导诊员小王让我来", "小王"),
        ("护工张阿姨陪我", "张阿姨"),
        ("審核醫師：陳麗華", "麗華"),
        ("患者劉曉燕，女，45歲", "曉燕"),
        ("信箱 cgl#qq.com", "cgl"),
        ("ring 0 7 9 4 6 0 9 5 8 1 2", "9 4 6"),
        ("住院总李浩", "李浩"),
        ("教授吴敏霞会诊", "敏霞"),
        ("导医小刘", "小刘"),
        ("超声科黄志伟", "志伟"),
        ("the registrar, Emma Stone, rang", "Emma"),
        ("charge nurse Kelly", "Kelly"),
        ("Auntie Rosa", "Rosa"),
        ("Sister Brown said", "Brown"),
        ("Matron Jones rang", "Jones"),
        ("Professor M. Chan read it", "Chan"),
        ("Nurse Mary Smith told me", "Smith"),
    ],
)
def test_what_has_the_form_of_an_identifier_goes_in_other_writings_too(text: str, gone: str) -> None:
    assert gone not in clean_text(text, {}).text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("患者93岁", "患者[90岁及以上]"),
        ("九十三岁女性", "[90岁及以上]女性"),
        ("她九十多岁了", "她[90岁及以上]了"),
        ("一百零二岁", "[90岁及以上]"),
        ("年龄：９７", "年龄：[90岁及以上]"),
        ("女/97岁", "女/[90岁及以上]"),
        ("92-year-old woman", "[90 or older] woman"),
        ("a 101 y/o lady", "a [90 or older] lady"),
        ("her mother died aged 94", "her mother died aged [90 or older]"),
        ("ninety-two years old", "[90 or older]"),
        ("89岁", "89岁"),
        ("89-year-old woman, aged 52", "89-year-old woman, aged 52"),
    ],
)
def test_ages_of_ninety_and_more_become_one_class(text: str, cleaned: str) -> None:
    assert clean_text(text, HERS).text == cleaned


STAYS = [
    "Nodules of 13, 15, 12, 11, 10, 9 mm at 1, 3, 4, 5, 6, 7, 8, 9 o'clock.",
    "左乳1、3、4、5、6、7、8、9点各见结节，大小13、15、12、11、10、9mm。",
    "分为一、二、三、四、五、六、七类",
    "Seen at clinic. In two weeks she returns.",
    "calcification at 3.5 cm from the nipple. Come back",
    "look at the dot at the nipple",
    "院长高度重视",
    "护士长安排复查",
    "同事都说没事，同学建议我复查",
    "同事常年熬夜，邻床也得过乳腺癌",
    "研究生毕业后发现肿块",
    "主任医师查房时明确告诉我",
    "助理医师书写",
    "主任曾建议复查，医生时常说要随访",
    "放射科高度怀疑，乳腺科常规随诊",
    "医生方便时来，护士也都说没事，大夫全程在",
    "call 2 days before; text me",
    "压迫力95N，95mAs，体温 100 F",
    "95% of women, 95kV, 90 mm from the nipple, 120 days old cyst",
    "发病于90年代，随访90个月",
    "The last two digits of the year; the last three months",
    "Sister had cancer; Nurse told me; Doctor said no",
    "Sue can go and he can do so long as you like the song",
    "腰围90，血压110/95",
    "in her 90s",
    "末次月经，末4位肋骨",
]


@pytest.mark.parametrize("text", STAYS)
def test_measures_lists_and_words_stay(text: str) -> None:
    assert clean_text(text, {}).text == text
    assert clean_text(text, HERS).text == text


# Syllables of common given names; every two of them make a name.
_SYLLABLES = [
    "xiao",
    "ming",
    "hua",
    "li",
    "jing",
    "yan",
    "ping",
    "mei",
    "qiong",
    "zhi",
    "xue",
    "fang",
    "shuang",
    "er",
]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_pinyin_name_is_found_however_it_is_split(seed: int) -> None:
    rng = random.Random(seed)
    surname, first, second = rng.choice(["Wang", "Zhang", "Ouyang", "Liu"]), *rng.sample(_SYLLABLES, 2)
    header = rng.choice(
        [
            f"{surname}^{first}{second}", f"{surname}^{first} {second}", f"{surname}^{first}-{second}",
            f"{surname.upper()}^{(first + second).upper()}", f"{first.title()} {second.title()}^{surname}",
        ]
    )  # fmt: skip
    joint = rng.choice(["", " ", "-"])
    given_name = f"{first.title()}{joint}{second if joint == '' else second.title()}"
    written = rng.choice(
        [given_name, f"{surname} {given_name}", f"{given_name} {surname}", f"{surname}, {given_name}"]
    )
    written = rng.choice([str, str.upper])(written)
    cleaned = clean_text(f"The film of {written} shows a mass.", {"names": [header]}).text
    assert cleaned == "The film of [name] shows a mass.", (header, written, cleaned)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_chinese_name_is_found_in_either_script(seed: int) -> None:
    rng = random.Random(seed)
    surname = rng.choice("張陳楊趙黃吳孫馬羅鄭謝韓馮蕭鄧許呂蘇盧蔣賈葉閻鍾譚鄒陸湯錢龍劉")
    given_name = "".join(rng.sample("曉麗靜華艷蘭鳳瓊瑩蓮紅梅雲霞潔慧婭嫻偉強傑國軍", 2))
    simplified = in_one_script(surname + given_name)
    header, written = rng.choice(list(permutations([surname + given_name, simplified])))
    cleaned = clean_text(f"昨天{written}拍了片", {"names": [f"{header[0]}^{header[1:]}"]}).text
    assert cleaned == "昨天[姓名]拍了片"


def test_the_table_of_characters_maps_each_one_once() -> None:
    assert len(set(_TRADITIONAL)) == len(_TRADITIONAL) == len(_SIMPLIFIED)
    assert not set(_TRADITIONAL) & set(_SIMPLIFIED), "a second folding would change it again"
    assert in_one_script("é ß ł 한국어 日本語 µ") == "e ss l 한국어 日本语 µ".replace(
        "语", in_one_script("語")
    )


def test_what_stays_keeps_its_own_script_and_marks() -> None:
    text = "左乳腫塊，趙文傑醫生看過；café, Röntgen, naïve " + unicodedata.normalize("NFD", "é")
    assert clean_text(text, HERS).text == text.replace("趙文傑", "[姓名]")
