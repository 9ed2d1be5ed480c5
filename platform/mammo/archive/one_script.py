"""One writing for texts and names before they are compared: simplified characters, letters without marks.

Chinese names stand in a file's header in one script and in her texts in the other (張曉明, 张晓明); European and
pinyin ones with and without their marks (Müller, Muller; Xiǎomíng, Xiaoming). Only what is compared is folded: the
text itself keeps its characters.
"""

import unicodedata

from mammo.archive.report_reading.normalised import NormalisedText

# Facts of Unicode (Unihan, kSimplifiedVariant) for the characters of surnames, usual given names, titles and the
# keywords of `identifying_patterns`: 747 pairs, each in the same place of both strings.
_TRADITIONAL = (
    "萬與專業叢東絲兩嚴個箇豐為爲麗麼麽義烏喬習鄉書買於雲亞產産親從倉儀們眾衆會偉傳倫體餘側儁脩兒剋蘭關興"
    "內寫軍鼕馮決況淩減幾鳳凱齣劉剛創別彆劍務動勁勛勳區醫華單蔔盧衛厤曆歷厲壓廈縣叄參蔘雙發髮葉號閤衕後嚮"
    "曏呂啓啟吳員週詠迴團糰園圍國圖圓聖場塊堅聲處復複婦媽薑婁婭嬌孃嫺嫻嬰嬋嬸孫學寧寶審宮傢對導爾層屬嵗歲"
    "崗嵐巖嶽峯鞏佈帥師帶蓆乾幹榦並併幷倖廣莊慶牀廬應龐廢開異張彌瀰彎彈強歸噹當彔錄録彥綵徹徑逕禦憶誌懷態"
    "憐總戀恆悅懸驚懼慣願懾懶戲戰慼戶纔紮託執掃揚護報擔撥擇掛撈損換據攝撐敵敎數斷旂無舊時顯晉曬曉暉暫闇麯"
    "麴朮術硃樸機殺雜權條來楊傑鬆極構棗楓査標棟樹樣覈欒楨檔橋樺樑夢檢樓歡歐畢氣匯彙滙漢湯瀋溝滬註淚澤潔淺"
    "澆測濟瀏渾濃塗濤澇潤漲淵漸溫遊灣溼濕滿濱瀟瀾燈靈爐煒點煉鍊爍爛燒燁熱煥愛牽狀獨獅獵貓獻瑪瑋環現瓏璉瓊"
    "瑤璿電畫畵暢療瘋癢皚監蓋盤眞睜矯礦碼磚硯礎碩確禮禍離俬鞦種積稱穩窮竊竇競筆築簽籤簡籃類糧係繫紅縴纖約"
    "級紀純紗綱納縱紛紙紋紡紐綫線練組紳細織終紹經結繞遶繪給絡絕絶統繼緒續綽維綿綜綠緑緩編緣繆羅罰羨羣翹聳"
    "聶職聯聰肅腸脅膽勝衚鬍脈腦腳臉臘騰艦艷豔藝節蘆蕓葦囌蘇蘋範荊薦榮葯藥萊蓮獲穫瑩鶯蘿營蕭薩蔣懞濛矇藍薔"
    "藺慮雖蝦蟻蠟蟬補裝見觀規覽覺譽訂認討讓訓議訊記講許論設訪証證識訴診詞譯試詩誠話詳語誤說説請諸諾讀課調"
    "談誼諶謂謝謙謹譚穀貝貞負貢財責賢敗貨質購貫貳貴費賀賈資賦賞賜賴賽讚贊贇贏趙趨躍踐蹤車軒轉輪軟輕載較輔"
    "輛輩輝輸轅邊達遷過運還這進遠違連遲跡蹟適選遜遞邏遺鄧鄺郵鄒鄰鬱鄭醬痠埰寀採釋裏裡鑑鑒針鍼釗鈡鍾鐘鋼錢"
    "鉆鑽鉬鈴銘銀鋒銳鋭錫錦鍵鎭鎮鏡長門閆問間閔悶閨聞閩閣閱閲閻闕陽陰際陸陳隨隱難雛霽靜麪麫麵韋韓韻頁項順"
    "須鬚顧頓頌預領頸頻穎題顏顔額顫風颯飛饒馬馭馳駒驍驕駱駿魚魯鮑鮮鳥鳴鷗鸞鴻鵑鵬鶴鷺麥黃齊齒齡龍龔"
)
_SIMPLIFIED = (
    "万与专业丛东丝两严个个丰为为丽么么义乌乔习乡书买于云亚产产亲从仓仪们众众会伟传伦体余侧俊修儿克兰关兴"
    "内写军冬冯决况凌减几凤凯出刘刚创别别剑务动劲勋勋区医华单卜卢卫历历历厉压厦县叁参参双发发叶号合同后向"
    "向吕启启吴员周咏回团团园围国图圆圣场块坚声处复复妇妈姜娄娅娇娘娴娴婴婵婶孙学宁宝审宫家对导尔层属岁岁"
    "岗岚岩岳峰巩布帅师带席干干干并并并幸广庄庆床庐应庞废开异张弥弥弯弹强归当当录录录彦彩彻径径御忆志怀态"
    "怜总恋恒悦悬惊惧惯愿慑懒戏战戚户才扎托执扫扬护报担拨择挂捞损换据摄撑敌教数断旗无旧时显晋晒晓晖暂暗曲"
    "曲术术朱朴机杀杂权条来杨杰松极构枣枫查标栋树样核栾桢档桥桦梁梦检楼欢欧毕气汇汇汇汉汤沈沟沪注泪泽洁浅"
    "浇测济浏浑浓涂涛涝润涨渊渐温游湾湿湿满滨潇澜灯灵炉炜点炼炼烁烂烧烨热焕爱牵状独狮猎猫献玛玮环现珑琏琼"
    "瑶璇电画画畅疗疯痒皑监盖盘真睁矫矿码砖砚础硕确礼祸离私秋种积称稳穷窃窦竞笔筑签签简篮类粮系系红纤纤约"
    "级纪纯纱纲纳纵纷纸纹纺纽线线练组绅细织终绍经结绕绕绘给络绝绝统继绪续绰维绵综绿绿缓编缘缪罗罚羡群翘耸"
    "聂职联聪肃肠胁胆胜胡胡脉脑脚脸腊腾舰艳艳艺节芦芸苇苏苏苹范荆荐荣药药莱莲获获莹莺萝营萧萨蒋蒙蒙蒙蓝蔷"
    "蔺虑虽虾蚁蜡蝉补装见观规览觉誉订认讨让训议讯记讲许论设访证证识诉诊词译试诗诚话详语误说说请诸诺读课调"
    "谈谊谌谓谢谦谨谭谷贝贞负贡财责贤败货质购贯贰贵费贺贾资赋赏赐赖赛赞赞赟赢赵趋跃践踪车轩转轮软轻载较辅"
    "辆辈辉输辕边达迁过运还这进远违连迟迹迹适选逊递逻遗邓邝邮邹邻郁郑酱酸采采采释里里鉴鉴针针钊钟钟钟钢钱"
    "钻钻钼铃铭银锋锐锐锡锦键镇镇镜长门闫问间闵闷闺闻闽阁阅阅阎阙阳阴际陆陈随隐难雏霁静面面面韦韩韵页项顺"
    "须须顾顿颂预领颈频颖题颜颜额颤风飒飞饶马驭驰驹骁骄骆骏鱼鲁鲍鲜鸟鸣鸥鸾鸿鹃鹏鹤鹭麦黄齐齿龄龙龚"
)
_SCRIPT = dict(zip(_TRADITIONAL, _SIMPLIFIED, strict=True))
# Letters that are no letter with a mark.
_LETTERS = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D",
    "ð": "d", "Ð": "D", "ł": "l", "Ł": "L", "þ": "th", "Þ": "Th", "ı": "i", "ŋ": "ng", "ħ": "h",
}  # fmt: skip


def in_one_script(text: str) -> str:
    """The text in simplified characters, its Latin letters without marks."""
    return "".join(map(_folded, text))


def folded(source: NormalisedText) -> NormalisedText:
    """The same text in one script, with the map back to the original."""
    pieces: list[str] = []
    offsets: list[int] = []
    for character, offset in zip(source.text, source.offsets, strict=True):
        written = _folded(character)
        pieces.append(written)
        offsets.extend([offset] * len(written))
    return NormalisedText(source.original, "".join(pieces), tuple(offsets))


def _folded(character: str) -> str:
    if character.isascii():
        return character
    if character in _SCRIPT:
        return _SCRIPT[character]
    if character in _LETTERS:
        return _LETTERS[character]
    if unicodedata.combining(character):
        return ""
    base = unicodedata.normalize("NFD", character)[0]
    return base if base.isascii() and base.isalpha() else character
