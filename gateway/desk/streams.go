package desk

import (
	"reflect"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// streamLabel names the fields of streams, transcripts, claims, the rulebook and the
// ladder.
func streamLabel(owner, name string) (fieldLabel, bool) {
	switch owner + "." + name {
	case "StreamHost.ai":
		return label("人工智能主播（须持续标识）", "An AI host, to be labelled throughout")
	case "OpenStreamRequest.planned", "Stream.planned":
		return label("计划开播时间", "Planned start", "开播前登记；北京时间", "on file before it begins; Beijing time")
	case "Commitment.text":
		return label("合规承诺书", "Signed commitment", "签署后的文件", "the file as signed")
	case "Signature.at":
		return label("签署时间", "Signed at", "不晚于开播", "before the stream begins")
	case "AnchorTranscriptRequest.from", "UtteranceRun.from":
		return label("首句开始时间", "First words")
	case "AnchorTranscriptRequest.to", "UtteranceRun.to":
		return label("末句结束时间", "Last words")
	case "AnchorTranscriptRequest.count", "UtteranceRun.count":
		return label("句数", "Utterances")
	case "ClaimRequest.text", "ProductClaim.text":
		return label("宣称内容", "What was claimed", "如 纯棉、特级、防腐剂", "a material, a grade, what it is free of")
	case "ClaimRequest.at", "ProductClaim.at":
		return label("宣称的采摘时间", "Picking time claimed")
	case "ClaimRequest.kind", "ProductClaim.kind":
		return label("宣称种类", "Kind of claim")
	case "LadderRules.levels":
		return label("计入的判定级别", "Levels that count")
	case "Provision.source":
		return label("出处", "Source")
	case "PublishRulebookRequest.version":
		return label("规则版本", "Version", "如 2026-1", "like 2026-1")
	}
	switch name {
	case "size":
		return label("企业规模", "Size class", "统计上大中小微型企业划分办法", "by the statistical classes")
	case "stream":
		return label("直播编号", "Stream", "小写字母、数字和连字符", "lower-case letters, digits and hyphens")
	case "room":
		return label("直播间编号", "Room")
	case "host":
		return label("主播编号", "Host")
	case "hosts":
		return label("主播", "Hosts")
	case "products":
		return label("上架商品", "Products on sale")
	case "commitment":
		return label("合规承诺", "Compliance commitment")
	case "signatures":
		return label("签署", "Signatures")
	case "ended":
		return label("结束时间", "Ended", "北京时间", "Beijing time")
	case "run":
		return label("话语段", "Run of utterances", "记录键", "its record key")
	case "utterance":
		return label("话语序号", "Utterance", "在话语段内，从 1 起", "within the run, from 1")
	case "page":
		return label("商品页面", "Product page", "当时页面的文件", "the page as it was seen")
	case "observed":
		return label("发生时间", "When it was so", "直播中为话说出的时间", "in a stream, when the words were spoken")
	}
	return ladderLabel(name)
}

func ladderLabel(name string) (fieldLabel, bool) {
	switch name {
	case "ladder":
		return label("阶梯处置", "The ladder")
	case "row":
		return label("连续违规次数（起步）", "Violations in a row that start it")
	case "windowSeconds":
		return label("连续违规的时段", "Window of the row")
	case "further":
		return label("再升一级的违规次数", "Further violations for a further step")
	case "resetSeconds":
		return label("无违规清零时段", "Quiet that resets it")
	case "steps":
		return label("各级处置", "Steps", "由轻到重", "mildest first")
	case "levels":
		return label("级别", "Levels")
	case "provisions":
		return label("参数出处", "Where parameters come from", "每个参数写明是法律还是政策建议", "law or proposal, for each parameter")
	case "parameters":
		return label("参数", "Parameters", "每行一个：row 连续次数、windowSeconds 时段、further 再升、resetSeconds 清零、steps 各级处置、levels 级别（写英文词）", "one a line: row, windowSeconds, further, resetSeconds, steps, levels")
	case "rules":
		return label("依据的处置规则版本", "Rulebook version")
	case "step":
		return label("现为第几级", "Steps that hold")
	case "listed":
		return label("直播上架的商品", "Products of the stream")
	}
	return fieldLabel{}, false
}

func choicesOfStreams(of reflect.Type) []choice {
	switch of {
	case reflect.TypeFor[trace.PartySize]():
		return []choice{{"micro", words{"微型", "Micro"}}, {"small", words{"小型", "Small"}}, {"medium", words{"中型", "Medium"}}, {"large", words{"大型", "Large"}}}
	case reflect.TypeFor[trace.ClaimKind]():
		return []choice{{"net-content", words{"净含量", "Net content"}}, {"material", words{"材质", "Material"}}, {"grade", words{"等级", "Grade"}},
			{"free-of", words{"不含、无添加", "Free of"}}, {"picked-at", words{"采摘时间", "Picking time"}}, {"origin", words{"产地", "Origin"}}}
	}
	return nil
}

// kindOfStreams describes the kinds of record of streams.
func kindOfStreams(kind string) (recordKind, bool) {
	switch kind {
	case state.KindStream:
		return recordKind{words{"直播", "Stream"}, newOf[trace.Stream], "stream:Open"}, true
	case state.KindStreamClose:
		return recordKind{words{"直播结束", "Stream closed"}, newOf[trace.StreamClose], "stream:Close"}, true
	case state.KindUtterances:
		return recordKind{words{"话语段", "Run of utterances"}, newOf[trace.UtteranceRun], "stream:AnchorTranscript"}, true
	case state.FactClaim:
		return recordKind{words{"商品宣称", "Claim"}, newOf[trace.ProductClaim], "stream:Claim"}, true
	case state.KindRulebook:
		return recordKind{name: words{"处置规则", "Rulebook"}}, true
	}
	return recordKind{}, false
}
