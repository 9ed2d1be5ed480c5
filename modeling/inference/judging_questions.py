"""What a system is asked of a study's malignancy. No torch: what is sent to an endpoint is put on record by these."""

ASK_YES_NO = {
    "zh": "从影像看，这次检查是否可疑恶性（BI-RADS 4类及以上）？请只回答“是”或“否”。",
    "en": "Do these mammograms look suspicious for malignancy (BI-RADS 4 or higher)? Answer only yes or no.",
}
ASK_NUMBER = {
    "zh": "从影像看，恶性的可能性是百分之几？请只写一个0到100的数字。",
    "en": "How likely is malignancy, in per cent? Write only one number from 0 to 100.",
}
# A spec's own parameters are laid over these.
PARAMETERS = {"temperature": 0.0, "max_new_tokens": 12}
# Of an endpoint's spending, in the child's progress and in the platform's budgets.
SYSTEM_KEY = "judge"
