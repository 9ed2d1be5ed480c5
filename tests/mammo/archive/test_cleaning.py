"""Texts lose what identifies and keep what a radiologist needs."""

from datetime import date

import pytest

from mammo.archive.cleaning import clean_text

ROSTER = {
    "names": ["Li^Xiu Ying=李^秀英"],
    "doctors": ["周文斌", "Holt^Robert"],
    "numbers": ["H1234567", "A20010112345"],
    "places": ["演示医院"],
}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("患者李秀英，左乳肿块", "秀英"),
        ("秀英姐来复查", "秀英"),
        ("XIU YING LI, left breast", "YING"),
        ("Li Xiuying, left breast", "Xiuying"),
        ("病历号：H1234567", "1234567"),
        ("身份证440301196302110027", "440301196302110027"),
        ("身份证４４０３０１１９６３０２１１００２７", "1963"),
        ("电话13800138000", "13800138000"),
        ("电话 138-0013-8000", "0013"),
        ("座机0755-12345678", "12345678"),
        ("手机一三八零零一三八零零零", "一三八零零一三八"),
        ("微信号：zhang_san88", "zhang_san88"),
        ("邮箱 a.b@example.com", "example.com"),
        ("住院号:0012345", "0012345"),
        ("深圳市人民医院会诊", "深圳市人民医院"),
        ("报告医师：王敏  审核医师：李建国", "王敏"),
        ("报告医师：王敏  审核医师：李建国", "建国"),
        ("王医生建议复查", "王医生"),
        ("姓名：欧阳静怡 女", "欧阳"),
        ("Reported by: Dr. M. Wang", "Wang"),
        ("Compared with 2018-03-01", "2018"),
        ("Compared with 1 March 2018.", "2018"),
        ("2018年3月1日外院片", "2018年"),
        ("Seen at Northfield General Hospital", "Northfield"),
        ("MRN: 0098765", "0098765"),
    ],
)
def test_what_identifies_is_removed(text: str, secret: str) -> None:
    assert secret not in clean_text(text, ROSTER).text


@pytest.mark.parametrize(
    "text",
    [
        "患者高龄，双乳腺体退化。",
        "母亲曾患乳腺癌。",
        "患者于外院活检。",
        "左乳外上象限见一大小约12mm×9mm肿块，BI-RADS 4A类。",
        "Mass at 10 o'clock, 24 mm, BI-RADS category 5. Patient aged 52.",
        "右乳金属夹影，白色钙化，何时复查请遵医嘱。",
        "Comparison: none. Routine annual mammography.",
        "患者白带增多，无发热。",
        "乳腺构成：C类；BI-RADS：左2类，右1类。",
    ],
)
def test_what_a_radiologist_needs_stays(text: str) -> None:
    assert clean_text(text, ROSTER).text == text


def test_dates_become_distances_from_the_study() -> None:
    cleaned = clean_text("2019-03-01外院片，2019年3月11日本院", ROSTER, studied=date(2019, 3, 11))
    assert cleaned.text == "[日期-10天]外院片，[日期+0天]本院"
    assert cleaned.found == {"date": 2}
    assert clean_text("Since March 1, 2019", {}, studied=date(2019, 3, 11)).text == "Since [date -10 d]"
