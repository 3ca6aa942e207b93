package wording

import "traceledger/chaincode/trace"

// Words is one text in both languages.
type Words struct{ Chinese, English string }

// Meaning says what a code of the chain means to a person; both empty for other codes.
func Meaning(code trace.Code) Words {
	switch code {
	case trace.CodeMalformed:
		return Words{"内容格式不对", "The content is not in the right form"}
	case trace.CodeUnknownField:
		return Words{"有账本不认识的字段", "There is a field the ledger does not know"}
	case trace.CodeDuplicateField:
		return Words{"同一字段填了两次", "A field is given twice"}
	case trace.CodeTooLarge:
		return Words{"内容过大或过长", "Too large or too long"}
	case trace.CodeMissing:
		return Words{"缺少必填内容", "Something needed is missing"}
	case trace.CodeInvalid:
		return Words{"填写的内容不符合要求", "A value is not what it should be"}
	case trace.CodeCheckDigit:
		return Words{"条码校验位不对，请核对条码", "The check digit does not hold; compare the code"}
	case trace.CodeUnknownMethod:
		return Words{"没有这种交易", "There is no such transaction"}
	case trace.CodeForbidden:
		return Words{"您的身份不能做这件事", "Your role or party may not do this"}
	case trace.CodeWrongOrg:
		return Words{"此角色属于另一机构", "The role belongs to another organisation"}
	case trace.CodeNoIdentity:
		return Words{"证书里没有角色或主体", "The certificate carries no role or party"}
	case trace.CodeUnknownParty:
		return Words{"主体未在登记册中，请先由监管部门登记", "The party is not in the registry; the regulator admits it first"}
	case trace.CodePartySuspended:
		return Words{"主体已暂停或不在有效期内", "The party is suspended or outside its validity"}
	case trace.CodeLicence:
		return Words{"许可证缺失、过期、已吊销或不含此类别", "The licence is missing, expired, revoked or does not cover this"}
	case trace.CodeCompanyPrefix:
		return Words{"条码或托盘号不在该主体登记的厂商识别代码之下", "The GTIN or SSCC does not begin with a GS1 company prefix of this party"}
	case trace.CodeNotAccredited:
		return Words{"检验机构当日没有该项目的资质", "The lab is not accredited for an item on the day"}
	case trace.CodeOwnLot:
		return Words{"不能检验或复核自己的批次、自己的判定", "Nobody judges their own lot or reviews their own verdict"}
	case trace.CodeNotFound:
		return Words{"所引用的记录或文件不存在", "A record or file that is named does not exist"}
	case trace.CodeAlreadyExists:
		return Words{"此编号已被占用，且内容不同", "The id is taken by another content"}
	case trace.CodeAlreadyRecorded:
		return Words{"同样的内容已在账本上，不会重复记录", "The very same is on the ledger already; it is not recorded twice"}
	case trace.CodeState:
		return Words{"当前状态不允许这一步", "Its state does not allow this step"}
	case trace.CodeRecalled:
		return Words{"该批次或其原料已被召回", "The lot or an input of it is recalled"}
	case trace.CodeNotReady:
		return Words{"账本尚未就绪，请稍后再试", "The ledger is not ready yet; try again later"}
	case trace.CodeImport:
		return Words{"账本正在迁入，或没有开放迁入", "The ledger is being imported, or no import is open"}
	case trace.CodeEvidence:
		return Words{"所附证明不能证明所述内容", "What is shown does not prove this"}
	case trace.CodeChronology:
		return Words{"时间先后有矛盾", "The times contradict each other"}
	case trace.CodeInterval:
		return Words{"用药与采收之间短于安全间隔期", "Sprayed within the pre-harvest interval"}
	case trace.CodeApplications:
		return Words{"本季用药次数超过规定", "More applications this season than allowed"}
	case trace.CodeYield:
		return Words{"数量超过该地块本季可能的产量", "More than the plot can yield this season"}
	case trace.CodeInputs:
		return Words{"投入数量超过原料批次的余量", "More than the parent lot still holds"}
	case trace.CodeTooManyCodes:
		return Words{"码数超过该批次的件数", "More codes than the lot has items"}
	case trace.CodeRebind:
		return Words{"码包只能绑定一次", "A code pack is bound once"}
	case trace.CodeCustody:
		return Words{"货物不在交出方手中，交接链会断开或重复", "Custody would break or double: the giver does not hold the goods"}
	case trace.CodeConsignment:
		return Words{"货主没有委托这家承运人承运这些货物，请货主先登记托运委托", "The holder did not appoint this carrier for these goods; it does so first"}
	case trace.CodeSegment:
		return Words{"读数的条数、次序或内容不对", "The readings' count, order or content is wrong"}
	case trace.CodeOutOfRange:
		return Words{"数值超出可能的范围", "A value is physically impossible"}
	case trace.CodeSequence:
		return Words{"该设备同一序号已有不同内容，或前后不衔接", "The device's sequence exists with other content or does not chain"}
	case trace.CodeStandard:
		return Words{"标准库中没有所需的标准", "No standard on file where one is needed"}
	case trace.CodeBasis:
		return Words{"缺少法律依据或事由记录", "Legal basis or cause records are missing"}
	case trace.CodeReview:
		return Words{"缺少前一级复核，或复核不允许这一步", "A review level is missing or does not allow this"}
	}
	return Words{}
}
