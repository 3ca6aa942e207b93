package desk

import (
	"net/http"
	"slices"
	"strings"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/ingest/sheet"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
	"traceledger/gateway/wording"
)

// CodeCSRF refuses a form that was not made by a page of this session.
const CodeCSRF trace.Code = "STALE_FORM"

// refusal is an error as a page tells it.
type refusal struct {
	Code    trace.Code
	Text    string // what it means, in the page's language
	English string // the same beside it on a Chinese page
	Said    string // which value, what would be right, in Chinese on a Chinese page
	Detail  string // the same in the chain's own words
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
	if said := wording.Meaning(code); said.Chinese != "" {
		return words{said.Chinese, said.English}
	}
	return meaningOfGateway(code)
}

// meaningOfGateway goes on with the codes that never reach the chain.
func meaningOfGateway(code trace.Code) words {
	switch code {
	case store.CodeFileTooLarge:
		return words{"内容过大或过长", "Too large or too long"}
	case store.CodeFileUnknown:
		return words{"所引用的记录或文件不存在", "A record or file that is named does not exist"}
	case store.CodeDeviceUnknown:
		return words{"没有您的这台设备", "You have no such device"}
	case store.CodeDeviceKnown:
		return words{"这个设备编号或终端已登记过", "This device, or its terminal, is enrolled already"}
	case store.CodeUploadQuota:
		return words{"尚未被任何记录引用的文件太多，请先提交记录，或等候清理", "Too many files here that no record names yet; record them first, or wait until they are removed"}
	case ledger.CodeCertificate:
		return words{"账本不接受此身份的证书（已过期、被吊销或不属于该机构），请重新签发", "The ledger does not take this identity's certificate, expired, revoked or not its organisation's; have it issued again"}
	case ledger.CodeClock:
		return words{"本网关的时钟不准，未记录；请通知运维人员校准后再试", "This gateway's clock is wrong, nothing was recorded; its operator sets it right"}
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
		return words{"文件不是可读的 XLSX 或 CSV，请另存为其中一种再上传", "The file is not a readable XLSX or CSV; save it as one of them and upload it again"}
	case sheet.CodeEncoding:
		return words{"文件编码既不是 UTF-8 也不是 GBK，请另存为“CSV UTF-8”或 XLSX 再上传", "The file is neither UTF-8 nor GBK; save it as CSV UTF-8 or XLSX and upload it again"}
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
// mentions first, or of a quantity that is too large that one.
func fieldOf(code trace.Code, message string, fields []field) (field, bool) {
	if code == trace.CodeYield || code == trace.CodeInputs {
		for _, f := range fields {
			if f.leaf == "quantity" {
				return f, true
			}
		}
	}
	// A message about something within the request begins with where it is: "target.point: …".
	if path, _, found := strings.Cut(message, ": "); found && !strings.Contains(path, " ") {
		path = strings.NewReplacer("[", ".", "]", "").Replace(path)
		within := slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.Name != path && !strings.HasPrefix(f.Name, path+".") })
		if len(within) > 0 {
			fields = within
		}
	}
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
