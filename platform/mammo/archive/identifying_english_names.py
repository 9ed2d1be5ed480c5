"""Where an English name stands: signatures, credentials, openings of a report; the group `it` is the name."""

# Words with a capital that stand where a name stands and are none.
NO_NAME = (
    "the|this|that|these|those|there|a|and|or|of|at|by|for|from|with|without|is|are|was|were|be|been|"
    "has|have|had|"
    "not|no|none|new|old|prior|previous|current|recent|routine|annual|screening|diagnostic|bilateral|unilateral|"
    "left|right|"
    "both|upper|lower|inner|outer|medial|lateral|central|anterior|posterior|superior|inferior|breasts?|axillary?|"
    "nipple|skin|"
    "mammogra\\w{1,9}|tomo\\w{0,10}|ultraso\\w{1,9}|sonogra\\w{1,9}|radiolog\\w{1,9}|patholog\\w{1,9}|"
    "oncolog\\w{1,9}|"
    "surg\\w{1,9}|imaging|images?|views?|exam\\w{0,9}|stud(?:y|ies)|report\\w{0,4}|findings?|impressions?|"
    "conclusions?|"
    "comparisons?|indications?|techniques?|recommend\\w{0,9}|histor(?:y|ies|ical)|clinical\\w{0,2}|family|personal|"
    "assessments?|density|dense|fatty|scattered|heterogeneous\\w{0,2}|extremely|mass(?:es)?|lumps?|nodules?|cysts?|"
    "calcifi\\w{1,9}|asymmetr\\w{1,4}|distortions?|lesions?|benign|malignan\\w{1,3}|suspicious|normal|"
    "abnormal\\w{0,6}|"
    "negative|positive|probably|highly|stable|unchanged|palpable|asymptomatic|symptomatic|pain\\w{0,4}|"
    "tender\\w{0,4}|"
    "discharge|biops\\w{1,3}|stereotactic|guid\\w{1,5}|needle|clips?|markers?|implants?|postmenopausal|"
    "post-\\w{1,12}|postoperative\\w{0,2}|premenopausal|pre|pre-\\w{1,12}|preoperative\\w{0,2}|"
    "perimenopausal|status|birads|bi-rads|bi|rads|acr|cad|ai|mri?|us|ct|pet|cc|mlo|xccl|mqsa|fda|pacs|ris|"
    "dcis|lcis|idc|"
    "category|cat|class|grade|stage|type|date|time|age|aged?|years?|yrs?|yo|female|male|woman|women|lady|"
    "girl|sex|gender|"
    "dob|mrn|id|number|patients?|pt|outpatient|inpatient|dr|prof|mrs?|ms|miss|doctors?|physicians?|attending|"
    "resident|fellow|"
    "consultant|technolog\\w{1,5}|technician|nurses?|staff|team|board|panel|committee|multidisciplinary|mdt|"
    "tumou?r|cancer|"
    "carcinoma|clinics?|hospitals?|department|dept|centers?|centres?|institut\\w{1,4}|universit\\w{1,3}|"
    "service\\w?|unit|"
    "computer|aided|assisted|detection|software|algorithm|artificial|intelligence|double|single|independent|two|"
    "three|one|"
    "four|next|follow\\w{0,4}|up|recall\\w{0,2}|call\\w{0,2}|return\\w{0,3}|"
    "additional|further|"
    "magnification|compression|please|see|seen|her|his|she|it|they|we|i|our|your|who|which|when|"
    "where|if|as|"
    "all|any|each|only|also|final|preliminary|addend\\w{1,3}|amended|electronic\\w{0,4}|signed|dictated|"
    "reviewed|"
    "interpreted|verified|approved|transcribed|performed|reports?|reported|complain\\w{1,3}|denies|"
    "present\\w{0,3}|notes?|"
    "noted|states?|unknown|unremarkable|limited|complete\\w{0,2}|incomplete|need|needs|hormone|therapy|treatment|"
    "chemotherapy|radiation|lumpectomy|mastectomy|menopaus\\w{1,4}|gravida|para|nulliparous|pregnan\\w{1,3}|"
    "lactating|"
    "digital|analog|film|synthetic|two-view|four-view|standard|craniocaudal|mediolateral|oblique|"
    "known|baseline|initial|interval|low|risk|average|increased|decreased|marked|markedly|mild\\w{0,2}|"
    "moderate\\w{0,2}|severe\\w{0,2}|average|healthy|well|otherwise|african|american|caucasian|asian|"
    "hispanic|md|m\\.d|frcr|facr|phd|mbbs|rt|ethics|institutional|council|government|chinese|jan|january|feb|"
    "february|mar|march|apr|july?|aug|sept?|september|oct|october|nov|november|"
    "dec|december|monday|tuesday|wednesday|thursday|friday|saturday|sunday|today|yesterday|luminal|her2|ki|"
    "brca\\w?|"
    "referred|referr\\w{1,4}|requested|phone|telephone|fax|address|name|end|electronically|general|"
    "primary|care|emergency|gp|er|pcp|questionnaire|request|order|unspecified|pending|not|na|tbd|"
    "selenia|hologic|siemens|philips|fuji\\w{0,5}|giotto|ge|eklund|cooper|paget|mondor|phyllodes"
)
MARK = r"(?![A-Za-z\u00c0-\u024f])"
_LETTER = r"[A-Za-z\u00c0-\u024f'’-]"
_CAPITAL = r"[A-Z\u00c0-\u00de]"
INITIAL = r"(?:[A-Z]\.(?:[ -]?[A-Z]\.){0,2})"
NAME_WORD = rf"(?:{INITIAL}|(?!(?i:{NO_NAME}){MARK}){_CAPITAL}{_LETTER}{{0,30}}{MARK}\.?)"
_WRITTEN = rf"(?!(?i:{NO_NAME}){MARK}){_CAPITAL}[a-z\u00df-\u024f]{_LETTER}{{0,30}}{MARK}"  # not in capitals
_BETWEEN = r"(?: |, ?|\^)"
_ONE = rf"{NAME_WORD}(?:{_BETWEEN}{NAME_WORD}){{0,3}}"
TWO_WORDS = rf"{NAME_WORD}(?:{_BETWEEN}{NAME_WORD}){{1,3}}"
_TITLED = r"(?:(?:Dr|Prof|Mrs?|Ms|Miss|DR|PROF|MRS?|MS|MISS)\.?\s{1,3})?"
_ROLE = (
    r"(?i:\b(?:(?:attending|staff|resident|fellow|consultant|consulting|reporting|reading|interpreting|referring|"
    r"requesting|"
    r"ordering|primary|supervising|signing|dictating|performing|responsible|second|first|senior|junior|chief)"
    r"[ /]){0,2}"
    r"(?:attending|radiologist|pathologist|surgeon|oncologist|resident|fellow|consultant|physician|doctor|"
    r"clinician|provider|"
    r"practitioner|technologist|technician|radiographer|mammographer|sonographer|nurse|reader|reporter|author|"
    r"referrer|"
    r"tech|dictating|dictator|transcriber|examiner|operator|transcriptionist|typist|staff|md|gp|pcp|signature|signed|cc))"
)
_PERSON = (
    r"(?i:\b(?:patient(?:'s)?(?: name)?|pt|(?:full |first |last |family |given |middle |maiden |sur|fore)?name|"
    r"next of kin|nok|"
    r"contact(?: person)?|spouse|husband|guardian|client|subject))"
)
_ACTS = (
    "reported|dictated|signed|e-signed|cosigned|co-signed|read|reviewed|interpreted|verified|approved|"
    "authenticated|"
    "finali[sz]ed|transcribed|typed|performed|examined|supervised|authori[sz]ed|entered|prepared|checked|"
    "validated|referred|"
    "requested|ordered|seen|scanned|imaged|confirmed|countersigned|completed|released|edited|witnessed|written|"
    "created|"
    "attested|acquired|obtained|done|consulted|assessed|evaluated"
)
CREDENTIAL = (
    r"(?:M\.?D\.?|D\.O\.|MBBS|MBChB|MB BS|FRCR|FRCP|FRCS|FACR|FRANZCR|Ph\.?D\.?|R\.?T\.?(?: ?\(R\))?(?: ?\(M\))?|PA-C|"
    r"RN|NP|GP|MPH|MSc)"
)
_AGE = (
    r"(?:(?:is |was )?(?:an? )?(?:aged? )?\d{1,3}[ -]{0,2}(?:years?|yrs?|y/?o|y\.o\.?|Y/?O|YEARS?|YRS?|Y|F|M)"
    r"(?![A-Za-z])|"
    r"(?:[FM]|[Ff]emale|[Mm]ale|FEMALE|MALE)[ ,/)]{1,3}(?:aged? )?\d{1,3}(?!\d))"
)

ENGLISH_NAMES: tuple[str, ...] = (
    rf"(?i:\b(?:{_ACTS})(?: (?:electronically|digitally|and [a-z]{{4,14}})){{0,2}} by)"
    rf"\s{{0,3}}[:\-]?\s{{0,3}}{_TITLED}(?P<it>{_ONE})",
    rf"(?i:\b(?:{_ACTS})(?: by)?)\s{{0,3}}:\s{{0,3}}{_TITLED}(?P<it>{_ONE})",
    r"(?i:\b(?:dictated|transcribed|signed|reported|read|interpreted|reviewed|approved|verified) by) "
    r"(?P<it>[a-z][a-z'-]{1,20}(?: [a-z][a-z'.-]{0,20}){1,2}),? (?:md|m\.d\.|frcr)(?![a-z])",
    r"(?i:\b(?:dictated|transcribed|signed|reported|read|interpreted|reviewed|approved|verified) by): ?"
    r"(?P<it>[a-z][a-z'-]{1,20}(?: [a-z][a-z'.-]{0,20}){1,2})(?=[.,;]|\s?(?:$|\n))",
    rf"{_ROLE}(?:\s{{0,2}}[:\-]|,)\s{{0,3}}{_TITLED}(?P<it>{_ONE})",
    rf"{_PERSON}\s{{0,2}}:\s{{0,3}}{_TITLED}(?P<it>{_ONE})",
    rf"(?:{_PERSON}(?:,| ?-)|(?i:\b(?:re|regarding):))\s{{0,3}}{_TITLED}(?P<it>{TWO_WORDS})",
    rf"(?:(?i:\b(?:discussed with|communicated to|conveyed to|relayed to|spoke (?:with|to)|notified|informed|"
    rf"attn:?|c/o))\s{{1,3}}|/s/\s{{0,3}})"
    rf"{_TITLED}(?P<it>{TWO_WORDS})",
    rf"(?:{_ROLE}|{_PERSON})\s{{1,3}}{_TITLED}(?P<it>{_WRITTEN}(?:{_BETWEEN}{_WRITTEN}){{1,2}})",
    rf"\b(?P<it>{TWO_WORDS}),?\s{{1,3}}{CREDENTIAL}{MARK}",
    rf"(?:^|\n|[:.;] )(?P<it>{TWO_WORDS})[\s,:(\-]{{1,3}}{_AGE}",
    rf"(?i:\bby )(?P<it>{INITIAL} ?{NAME_WORD})",
    rf"(?i:my name is|name is|named|i am called|i'm called|they call me)\s{{1,3}}(?P<it>{_ONE})",
    r"\b(?:I'm|I am|This is|this is|Regards,|regards,|Sincerely,|Thanks,|thanks,)\s{1,3}"
    r"(?P<it>[A-Z][a-z]{1,30}(?:\s{1,3}[A-Z][A-Za-z'’-]{1,30}){1,4})",
    r"\b(?:neighbou?r|friend|sister|mother|aunt|cousin|daughter|wife|husband|colleague|mum|mom|partner|"
    r"niece|grandmother)"
    r",?\s{1,3}(?P<it>[A-Z][a-z]{2,30}(?:\s{1,3}[A-Z][a-z'’-]{1,30})?)",
    r"\b(?:Dr|Prof|Mrs|Mr|Ms|Miss)\b\.?\s{1,3}(?:[A-Z]\.\s{0,3}){0,4}[A-Z][A-Za-z'’-]{1,30}"
    rf"(?:{_BETWEEN}{NAME_WORD}){{0,3}}",
    r"\b(?:Professor|Doctor|Matron|Sister|Nurse|Midwife|Madam|Madame|Lady|Sir|Father|Pastor|Reverend|"
    r"[Aa]untie|[Uu]ncle|[Gg]randma|[Gg]randpa|[Gg]ranny|[Nn]anny|(?:charge |staff )?nurse|midwife|registrar|"
    r"receptionist|therapist|"
    r"interpreter|secretary),?"
    rf"\s{{1,3}}(?:[A-Z]\.\s{{0,3}}){{0,3}}(?P<it>{_WRITTEN}(?:{_BETWEEN}{_WRITTEN}){{0,2}})",
    r"\b(?:Dr|DR)\.? ?(?P<name>[\u4e00-\u9fff]{2,3})(?![\u4e00-\u9fff])",
)
