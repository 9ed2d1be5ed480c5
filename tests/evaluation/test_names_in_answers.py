"""Doctors' names and hospitals that the screen lists before freezing, measured on sentences with and without one."""

import json
from pathlib import Path

from evaluation.answers.doctors_names import named
from evaluation.answers.screen import NAME, screen

NAMING = """
张伟医生建议您三个月后复查。
请王主任再看一次。
这个问题请咨询李医生。
昨天王主任已经看过片子。
欧阳教授认为不需要活检。
主治医师王芳
签名：李明
答复人：赵敏
由刘晓燕主任医师复核。
找陈大夫复诊。
我叫王芳，负责您的随访。
请联系周医生。
何医生会给您打电话。
Dr 王会给您解释。
孙丽华教授
Dr.Li
Dr. Li will call you.
Dr. LI Wei will call you.
Please ask Dr J. Smith.
Professor Wang reviewed the images.
Prof. Chen
Doctor Brown will see you.
Kind regards, John Smith
John Smith, MD
Reported by Jane Doe.
J. Smith, M.D.
Emily Carter FRCR
My name is Anna Keller.
I'm Anna Keller and I read your images.
At our hospital we repeat it after six months.
In my clinic this is done yearly.
Our department offers ultrasound.
Come to Peking Union Hospital.
Peking Union Medical College Hospital
The Mayo Clinic advises this.
Memorial Sloan Kettering Cancer Center
The First Affiliated Hospital of Sun Yat-sen University
St. Mary's Hospital
请到我们医院复查。
我们科每周三出诊。
本中心每周三出诊。
咱们院可以做。
Nurse Mary will call you.
Ms. Taylor will call.
建议您挂林教授的号。
欢迎来找我，我是张丽华。
高医生已经解释过。
南方医院的黄志明主任擅长这一块。
请与马大夫联系。
谢主任说可以观察。
王医师：请三个月后复查
Answered by Maria Lopez
Dr O'Neill will see you.
Consult Prof. Zhang Wei for this.
Our institution follows ACR guidelines.
Massachusetts General Hospital advises a biopsy.
Sun Yat-sen University Cancer Center
Robert Brown, M.D., Ph.D.
Yours, Mei Lin
Radiologist Mary Jones read this.
""".strip().split("\n")
PLAIN = """
请向医生咨询。
请向主任医师咨询。
复诊时医生会说明。
任何医生都会这样建议。
请咨询乳腺科医生。
请找放射科医生看片。
如果紧张，医生可以给您解释。
请由专科医生评估。
建议由高年资医生复核。
请及时和医生沟通。
由于医生需要对比旧片，请带来。
与医生讨论方案。
请听从主治医生的安排。
您的主管医生会安排活检。
单位医生可开转诊单。
全科医生可以转诊。
家庭医生可以解释。
请到正规医院，由有经验的医生操作。
这是常见的良性改变。
我们科学地看待筛查。
我科学安排了饮食。
高密度肿块需要进一步检查。
请遵照医生的建议，六个月后复查。
安排医生会诊。
不要紧张医生会帮助您。
外科医生和肿瘤科医生会一起讨论。
请告诉医生您的家族史。
超声医生会同时看腋窝。
请成年女性每年筛查。
专家建议四十岁开始筛查。
医生可能会建议钼靶。
医生常规会做超声。
医生马上会看。
医生，请问要复查吗？
作者：不详
Please ask your doctor.
Ask your Doctor. Then come back.
The Doctor may suggest a biopsy.
See a breast specialist at a hospital near you.
Go to your local hospital.
Go to a Cancer Center for treatment.
Visit a Breast Clinic.
Your hospital will call you.
A Community Hospital can do this.
The radiologist, surgeon and oncologist decide together.
Ask a radiologist: Bring your images.
Mammography is reviewed by Radiologists.
BI-RADS 4A, MLO view: a biopsy is advised.
The images were read by two readers.
I am sorry to hear this.
I'm glad you asked.
This is Normal for your age.
This is BI-RADS Category 3.
Category C, CC and MLO views.
Siemens and Giotto units give similar images.
DCIS, LCIS and IDC are types of cancer.
In many clinics ultrasound is added.
Paget Disease needs a biopsy.
Women's Clinic staff can help.
Magnetic Resonance Imaging, Ultrasound and Mammography differ.
Your Medical Center can send the images.
Regards to your family.
Breast Imaging Reporting and Data System, MRI
Hormone Replacement Therapy, MRI and CT are not needed.
Stage II, MD review
请不要过于焦虑，医生会陪您。
左侧乳腺结节需要医生触诊。
因此医生建议六个月后复查。
大多数医生认为这是良性。
接诊医生会根据情况决定。
方便时请医生看片。
如需手术，外科主任医师会评估。
请带片子给主任看。
有关医生的建议，请记录下来。
您可以要求医生复核。
与主治医生商量。
报告医生写了BI-RADS 3类。
随访时间由医生决定。
请遵从专科医师意见。
请在老师或家人的陪同下就诊。
Your Doctor will explain Category 4.
Screening Mammography saves lives, according to Swiss trials.
The American College of Radiology advises this.
Breast MRI at a Teaching Hospital may help.
The Breast Center will call you.
After Biopsy, MD Anderson criteria are not used.
If you live far from a hospital, call first.
American Cancer Society and NCCN give advice.
This is Fibroadenoma Most Likely.
My practice is to drink less coffee.
I am Very Sorry.
""".strip().split("\n")
ANSWERS = Path(__file__).parents[1] / "annotation" / "text_safety_sentences.jsonl"
# Persons whom sentences of that file name on purpose.
PERSONS = (
    "王主任", "Mrs. Henderson", "Dr. Patel", "Nurse Kelly", "Dr Lewis", "Mrs Chen", "刘医生", "陈志强主任", "周老师",
    "Dr. Robert Chen", "Ms Zhou",
)  # fmt: skip


def test_the_screen_names_at_least_95_percent_of_the_sentences_with_a_name() -> None:
    missed = [text for text in NAMING if not list(named(text))]
    assert len(NAMING) >= 60
    assert len(missed) <= 0.05 * len(NAMING), missed


def test_at_most_4_percent_of_plain_medical_sentences_are_taken_for_a_name() -> None:
    alarms = {text: found for text in PLAIN if (found := list(named(text)))}
    assert len(PLAIN) >= 70
    assert len(alarms) <= 0.04 * len(PLAIN), alarms


def test_of_hundreds_of_sentences_of_answers_only_those_that_name_a_person_are_listed() -> None:
    texts = [json.loads(line)["text"] for line in ANSWERS.read_text(encoding="utf-8").splitlines()]
    assert len(texts) > 400
    assert [found for text in texts for found in named(text)] == list(PERSONS)


def test_a_name_keeps_a_trial_from_being_frozen() -> None:
    for text, matched, language in (
        ("张伟医生建议您三个月后复查。", "张伟医生", "zh"),
        ("请王主任再看一次。", "王主任", "zh"),
        ("Signed: John Smith, MD", "John Smith, MD", "en"),
        ("Professor Wang reviewed the images.", "Professor Wang", "en"),
        ("Dr.Li will call.", "Dr.Li", "en"),
        ("At our hospital it is repeated.", "our hospital", "en"),
        ("Come to Peking Union Hospital.", "Peking Union Hospital", "en"),
    ):
        found = screen(text, language=language)
        assert (NAME, matched, True) in [(f.kind, f.matched, f.blocks) for f in found]
