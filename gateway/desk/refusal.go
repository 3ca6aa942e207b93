package desk

import (
	"net/http"
	"strings"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/ingest/sheet"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
)

// CodeCSRF refuses a form that was not made by a page of this session.
const CodeCSRF trace.Code = "STALE_FORM"

// refusal is an error as a page tells it.
type refusal struct {
	Code    trace.Code
	Text    string // what it means, in the page's language
	English string // the same beside it on a Chinese page
	Detail  string // the chain's own words: which value, what would be right
	// Field is the label of the field it is about, FieldName its name in the form.
	Field, FieldName string
	// Doubt: it may be recorded. Retry: the same request may succeed later.
	Doubt, Retry bool
	Transaction  string
}

// statusOf is the HTTP status of a code, the desk's own among them.
func statusOf(code trace.Code) int {
	if code == CodeCSRF {
		return http.StatusForbidden
	}
	return api.Status(code)
}

// meaning says what a code means to the person at the desk.
func meaning(code trace.Code) words {
	switch code {
	case trace.CodeMalformed:
		return words{"内容格式不对", "The content is not in the right form"}
	case trace.CodeUnknownField:
		return words{"有账本不认识的字段", "There is a field the ledger does not know"}
	case trace.CodeDuplicateField:
		return words{"同一字段填了两次", "A field is given twice"}
	case trace.CodeTooLarge, store.CodeFileTooLarge:
		return words{"内容过大或过长", "Too large or too long"}
	case trace.CodeMissing:
		return words{"缺少必填内容", "Something needed is missing"}
	case trace.CodeInvalid:
		return words{"填写的内容不符合要求", "A value is not what it should be"}
	case trace.CodeCheckDigit:
		return words{"条码校验位不对，请核对条码", "The check digit does not hold; compare the code"}
	case trace.CodeForbidden:
		return words{"您的身份不能做这件事", "Your role or party may not do this"}
	case trace.CodeWrongOrg:
		return words{"此角色属于另一机构", "The role belongs to another organisation"}
	case trace.CodeNoIdentity:
		return words{"证书里没有角色或主体", "The certificate carries no role or party"}
	case trace.CodeUnknownParty:
		return words{"主体未在登记册中，请先由监管部门登记", "The party is not in the registry; the regulator admits it first"}
	case trace.CodePartySuspended:
		return words{"主体已暂停或不在有效期内", "The party is suspended or outside its validity"}
	case trace.CodeLicence:
		return words{"许可证缺失、过期、已吊销或不含此类别", "The licence is missing, expired, revoked or does not cover this"}
	case trace.CodeCompanyPrefix:
		return words{"条码或托盘号不在该主体登记的厂商识别代码之下", "The GTIN or SSCC does not begin with a GS1 company prefix of this party"}
	case trace.CodeNotAccredited:
		return words{"检验机构当日没有该项目的资质", "The lab is not accredited for an item on the day"}
	case trace.CodeOwnLot:
		return words{"不能检验或复核自己的批次、自己的判定", "Nobody judges their own lot or reviews their own verdict"}
	case trace.CodeNotFound, store.CodeFileUnknown:
		return words{"所引用的记录或文件不存在", "A record or file that is named does not exist"}
	case trace.CodeAlreadyExists:
		return words{"此编号已被占用，且内容不同", "The id is taken by another content"}
	case trace.CodeAlreadyRecorded:
		return words{"同样的内容已在账本上，不会重复记录", "The very same is on the ledger already; it is not recorded twice"}
	case trace.CodeState:
		return words{"当前状态不允许这一步", "Its state does not allow this step"}
	case trace.CodeRecalled:
		return words{"该批次或其原料已被召回", "The lot or an input of it is recalled"}
	case trace.CodeNotReady:
		return words{"账本尚未就绪，请稍后再试", "The ledger is not ready yet; try again later"}
	case trace.CodeChronology:
		return words{"时间先后有矛盾", "The times contradict each other"}
	case trace.CodeInterval:
		return words{"用药与采收之间短于安全间隔期", "Sprayed within the pre-harvest interval"}
	case trace.CodeApplications:
		return words{"本季用药次数超过规定", "More applications this season than allowed"}
	case trace.CodeYield:
		return words{"数量超过该地块本季可能的产量", "More than the plot can yield this season"}
	case trace.CodeInputs:
		return words{"投入数量超过原料批次的余量", "More than the parent lot still holds"}
	case trace.CodeTooManyCodes:
		return words{"码数超过该批次的件数", "More codes than the lot has items"}
	case trace.CodeRebind:
		return words{"码包只能绑定一次", "A code pack is bound once"}
	case trace.CodeCustody:
		return words{"货物不在交出方手中，交接链会断开或重复", "Custody would break or double: the giver does not hold the goods"}
	case trace.CodeConsignment:
		return words{"货主没有委托这家承运人承运这些货物，请货主先登记托运委托", "The holder did not appoint this carrier for these goods; it does so first"}
	case trace.CodeSegment:
		return words{"读数的条数、次序或内容不对", "The readings' count, order or content is wrong"}
	case trace.CodeOutOfRange:
		return words{"数值超出可能的范围", "A value is physically impossible"}
	case trace.CodeSequence:
		return words{"该设备同一序号已有不同内容，或前后不衔接", "The device's sequence exists with other content or does not chain"}
	case trace.CodeStandard:
		return words{"标准库中没有所需的标准", "No standard on file where one is needed"}
	case trace.CodeBasis:
		return words{"缺少法律依据或事由记录", "Legal basis or cause records are missing"}
	case trace.CodeReview:
		return words{"缺少前一级复核，或复核不允许这一步", "A review level is missing or does not allow this"}
	}
	return meaningOfGateway(code)
}

// meaningOfGateway goes on with the codes that never reach the chain.
func meaningOfGateway(code trace.Code) words {
	switch code {
	case ledger.CodeOutcomeUnknown:
		return words{"正在确认是否已记录，请用同一页重试", "Being confirmed; retry with this same page"}
	case api.CodeRateLimited:
		return words{"操作太频繁，请等一分钟再试", "Too often; wait a minute and try again"}
	case ledger.CodeBusy:
		return words{"现在太忙，未发送；请稍后用同一页重试", "Busy, nothing was sent; retry with this same page"}
	case ledger.CodeLedgerUnavailable:
		return words{"账本暂时连不上，未记录；请稍后用同一页重试", "The ledger cannot be reached, nothing was recorded; retry with this same page"}
	case ledger.CodeConflict:
		return words{"别人同时在改同一余量，未记录；请重试", "Others changed the same balance, nothing was recorded; retry"}
	case ledger.CodeInvalid, ledger.CodeEndorsement:
		return words{"账本拒绝了这笔记录，未记录", "The ledger refused it; nothing was recorded"}
	case ledger.CodeKeyReused:
		return words{"这一页已用于另一内容，请重新打开表单", "This page was used for other content; open the form again"}
	case api.CodeUnauthenticated, store.CodeTokenUnknown:
		return words{"令牌不对，请核对后再登录", "The token does not count; compare it and sign in again"}
	case store.CodeTokenExpired:
		return words{"令牌已过期，请向管理员换取新令牌", "The token has expired; ask for a new one"}
	case store.CodeTokenRevoked:
		return words{"令牌已撤销，请向管理员换取新令牌", "The token was revoked; ask for a new one"}
	case api.CodeRowErrors:
		return words{"表格中有错误行，请改正后重新上传", "The sheet has row errors; mend it and upload it again"}
	case sheet.CodeFile:
		return words{"文件不是可读的 XLSX 或 CSV", "The file is not a readable XLSX or CSV"}
	case sheet.CodeEncoding:
		return words{"文件编码既不是 UTF-8 也不是 GBK", "The file is neither UTF-8 nor GBK"}
	case sheet.CodeFormula:
		return words{"单元格里有公式，请改为数值", "A cell holds a formula; write its value"}
	case sheet.CodeUnknownSheet, sheet.CodeUnknownHeader, sheet.CodeMissingHeader, sheet.CodeDuplicateHeader, sheet.CodeDuplicateSheet, sheet.CodeEmpty:
		return words{"表格的工作表或表头与模板不符", "Sheets or headers differ from the template"}
	case CodeCSRF:
		return words{"页面已失效（可能是重新登录过），请返回后再提交", "The page is stale, perhaps after signing in again; go back and send it again"}
	}
	return words{"服务器出错，内容未必已记录；请稍后用同一页重试", "The server failed and it may or may not be recorded; retry with this same page"}
}

// fieldOf finds the field a refusal speaks of: the one whose name its message
// mentions first.
func fieldOf(message string, fields []field) (field, bool) {
	lower := strings.ToLower(message)
	best, at := field{}, len(lower)
	for _, f := range fields {
		for _, name := range []string{f.leaf, spaced(f.leaf)} {
			i := wordIndex(lower, strings.ToLower(name))
			if i >= 0 && (i < at || i == at && len(f.leaf) > len(best.leaf)) {
				best, at = f, i
			}
		}
	}
	return best, best.Name != ""
}

// spaced writes "sampledAt" as "sampled at".
func spaced(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// wordIndex finds word in text where no letter or digit touches it, −1 if nowhere.
func wordIndex(text, word string) int {
	touches := func(i int) bool {
		return i >= 0 && i < len(text) && (text[i] >= 'a' && text[i] <= 'z' || text[i] >= '0' && text[i] <= '9' || text[i] == '-')
	}
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 || word == "" {
			return -1
		}
		i += from
		if !touches(i-1) && !touches(i+len(word)) {
			return i
		}
		from = i + 1
	}
}
