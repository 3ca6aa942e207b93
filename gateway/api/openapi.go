package api

import (
	"reflect"

	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
)

// Document is the OpenAPI 3.0 description of the interface, made from the
// contract's catalogue and the Go types, so that it cannot drift from them.
func Document() map[string]any {
	s := &schemas{named: map[string]any{}}
	paths := map[string]any{}
	for _, m := range trace.Methods() {
		_, keyed := m.NewRequest().(trace.Writer)
		paths["/v1"+m.Path] = schema{"post": operation{
			id: m.Contract + m.Name, tag: m.Contract, summary: m.Title + " / " + m.TitleEnglish, keyed: keyed,
			body: s.request(m.NewRequest()), status: "201", answer: s.of(reflect.TypeFor[Written]()),
		}.schema()}
	}
	text := func(name, in, what string, required bool) schema {
		return schema{"name": name, "in": in, "required": required, "description": what, "schema": schema{"type": "string"}}
	}
	number := func(name, what string) schema {
		return schema{"name": name, "in": "query", "description": what, "schema": schema{"type": "integer"}}
	}
	binary := schema{"type": "string", "format": "binary"}
	add := func(path, method string, o operation) {
		entry, _ := paths[path].(schema)
		if entry == nil {
			entry = schema{}
		}
		entry[method] = o.schema()
		paths[path] = entry
	}
	add("/v1/me", "get", operation{id: "me", tag: "session", summary: "我的身份 / Who this token stands for", status: "200", answer: s.of(reflect.TypeFor[Me]())})
	add("/v1/records", "get", operation{id: "listRecords", tag: "records", summary: "查询记录 / List records, newest first", status: "200", answer: s.of(reflect.TypeFor[RecordPage]()),
		parameters: []schema{text("kind", "query", "record kind, such as batch", false), text("party", "query", "who wrote it", false), text("gtin", "query", "with lot: the records of a lot", false), text("lot", "query", "with gtin", false), text("cursor", "query", "next of the page before", false), number("limit", "1 to 200")}})
	add("/v1/records/{key}", "get", operation{id: "readRecord", tag: "records", summary: "读取记录 / One record with its provenance", status: "200", answer: s.of(reflect.TypeFor[Record]()), parameters: []schema{text("key", "path", "the record's key, slashes as they are", true)}})
	add("/v1/lots/{gtin}/{lot}", "get", operation{id: "readLot", tag: "records", summary: "批次全貌 / A lot's whole story", status: "200", answer: schema{"type": "object"}, parameters: []schema{text("gtin", "path", "14 digits", true), text("lot", "path", "lot number", true)}})
	add("/v1/files", "post", operation{id: "receiveFile", tag: "files", summary: "上传文件 / Keep a file by its hash", body: binary, bodyType: "application/octet-stream", status: "201", answer: s.of(reflect.TypeFor[FileKept]())})
	add("/v1/files/{hash}", "get", operation{id: "sendFile", tag: "files", summary: "下载文件 / A file by its hash", status: "200", answer: binary, answerType: "*/*", parameters: []schema{text("hash", "path", "SHA-256, hex", true)}})
	add("/v1/sheets", "post", operation{id: "dryRunSheet", tag: "sheets", summary: "表格试读 / Read a spreadsheet, record nothing", body: binary, bodyType: "application/octet-stream", status: "200", answer: s.of(reflect.TypeFor[SheetPlan]()),
		parameters: sheetParameters(text)})
	add("/v1/sheets/{hash}/confirmation", "post", operation{id: "confirmSheet", tag: "sheets", summary: "确认上链 / Record what the dry run showed", status: "200", answer: s.of(reflect.TypeFor[SheetResult]()),
		parameters: append([]schema{text("hash", "path", "hash the dry run answered", true)}, sheetParameters(text)...)})
	add("/v1/sheet-templates/{kind}", "get", operation{id: "sheetTemplate", tag: "sheets", summary: "空白表格 / An empty spreadsheet", status: "200", answer: binary, answerType: "*/*", parameters: []schema{text("kind", "path", "kind of sheet", true)}})
	add("/v1/code-orders", "post", operation{id: "orderCodes", tag: "code", summary: "生成一物一码 / Make item codes and put their pack on the chain", keyed: true, body: s.of(reflect.TypeFor[CodeOrder]()), status: "201", answer: s.of(reflect.TypeFor[CodesMade]())})
	add("/v1/code-packs/{pack}/codes", "get", operation{id: "listCodes", tag: "code", summary: "导出码 / A pack's codes as CSV, for its owner", status: "200", answer: schema{"type": "string"}, answerType: "text/csv", parameters: []schema{text("pack", "path", "pack id", true)}})
	add("/v1/code-packs/{pack}/labels", "get", operation{id: "labels", tag: "code", summary: "打印标签 / Labels as PDF, PNG or SVG, for the pack's owner", status: "200", answer: binary, answerType: "*/*",
		parameters: []schema{text("pack", "path", "pack id", true), number("first", "first item"), number("last", "last item"), text("format", "query", "pdf, png or svg", false), text("layout", "query", "label sheet layout", false)}})

	device := []schema{text("device", "path", "device id", true)}
	add("/v1/devices", "post", operation{id: "enrolDevice", tag: "devices", summary: "登记设备 / Enrol a tracker or sensor; an mqtt device's secret is shown once", body: s.of(reflect.TypeFor[DeviceEnrolment]()), status: "201", again: true, answer: s.of(reflect.TypeFor[EnrolledDevice]())})
	add("/v1/devices", "get", operation{id: "listDevices", tag: "devices", summary: "我的设备 / The caller's devices", status: "200", answer: s.of(reflect.TypeFor[DeviceList]())})
	add("/v1/devices/{device}/credential", "post", operation{id: "resetCredential", tag: "devices", summary: "重置凭证 / A new password, or let the terminal register again", status: "200", answer: s.of(reflect.TypeFor[EnrolledDevice]()), parameters: device})
	add("/v1/devices/{device}/state", "post", operation{id: "setDeviceState", tag: "devices", summary: "停用或启用设备 / Let a device connect or not", body: s.of(reflect.TypeFor[DeviceState]()), status: "200", answer: s.of(reflect.TypeFor[EnrolledDevice]()), parameters: device})
	add("/v1/parked-segments", "get", operation{id: "listParkedSegments", tag: "devices", summary: "被拒绝的读数段 / Segments of the caller's devices that the chain refused", status: "200", answer: s.of(reflect.TypeFor[ParkedSegments]())})
	add("/v1/devices/{device}/parked-segments/retry", "post", operation{id: "retryParkedSegments", tag: "devices", summary: "重新上链 / Send a device's parked segments again", status: "200", answer: s.of(reflect.TypeFor[RetriedSegments]()), parameters: device})
	stream := text("stream", "path", "stream id", true)
	add("/v1/streams/{stream}/utterances", "post", operation{id: "takeUtterances", tag: "live", summary: "上传话语 / Send utterances of a stream; acknowledged once durable", body: s.of(reflect.TypeFor[Utterances]()), status: "200", answer: s.of(reflect.TypeFor[Taken]()), parameters: []schema{stream}})
	add("/v1/streams/{stream}/utterances", "get", operation{id: "transcribed", tag: "live", summary: "已收话语 / How far one's own transcript is here", status: "200", answer: s.of(reflect.TypeFor[Taken]()), parameters: []schema{stream}})
	add("/v1/streams/{stream}/transcript", "get", operation{id: "transcript", tag: "live", summary: "话语连接 / A WebSocket for utterances: each message a batch, each answer how far", status: "101", answer: s.of(reflect.TypeFor[Taken]()), parameters: []schema{stream}})
	add("/v1/words", "get", operation{id: "words", tag: "live", summary: "判定的原话及其上链证明 / The words a verdict judged, proved in their anchored run", status: "200", answer: s.of(reflect.TypeFor[floor.SpokenIn]()),
		parameters: []schema{text("verdict", "query", "key of the verdict", true)}})
	add("/v1/events", "get", operation{id: "events", tag: "live", summary: "处置推送 / Actions as they are recorded, as server-sent events", status: "200", answer: schema{"type": "string"}, answerType: "text/event-stream",
		parameters: []schema{text("Last-Event-ID", "header", "id of the last event read, BLOCK-INDEX", false)}})
	add("/v1/self-check", "post", operation{id: "selfCheck", tag: "live", summary: "话术自查 / What the speech monitor would find; nothing is recorded", body: s.of(reflect.TypeFor[SelfCheck]()), status: "200", answer: s.of(reflect.TypeFor[SelfChecked]())})
	add("/v1/webhooks", "get", operation{id: "listWebhooks", tag: "live", summary: "推送状态 / Webhooks with what waits and what was given up", status: "200", answer: s.of(reflect.TypeFor[Webhooks]())})
	add("/v1/webhooks/redeliveries/{delivery}", "post", operation{id: "redeliver", tag: "live", summary: "重新推送 / Send a delivery again that was given up", status: "202", answer: schema{"type": "object"}, parameters: []schema{text("delivery", "path", "NAME:BLOCK-INDEX", true)}})

	s.of(reflect.TypeFor[Problem]()) // named by every operation's default response
	return schema{
		"openapi": "3.0.3",
		"info": schema{
			"title": "traceledger", "version": "1",
			"description": "Writes answer once committed. Send Idempotency-Key with every write: the same key with the same body is the same record.",
			"license":     schema{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
		},
		"paths": paths,
		"components": schema{
			"schemas":         s.named,
			"securitySchemes": schema{"token": schema{"type": "http", "scheme": "bearer"}},
		},
		"security": []any{schema{"token": []string{}}},
	}
}

func sheetParameters(text func(name, in, what string, required bool) schema) []schema {
	return []schema{
		text("name", "query", "file name, whose ending tells XLSX from CSV", true),
		text("kind", "query", "kind of sheet where the file does not say", false),
		text("attachment", "query", "hash of the report file a lab sheet belongs to", false),
		text("device", "query", "device of a logger file", false),
		text("shipment", "query", "shipment of a logger file", false),
	}
}

// operation is one route of the document.
type operation struct {
	id, tag, summary string
	parameters       []schema
	keyed            bool
	body             schema
	bodyType         string // default application/json
	status           string
	again            bool // answered with 200 when it was done before
	answer           schema
	answerType       string // default application/json
}

func (o operation) schema() schema {
	if o.bodyType == "" {
		o.bodyType = "application/json"
	}
	if o.answerType == "" {
		o.answerType = "application/json"
	}
	out := schema{
		"operationId": o.id, "tags": []string{o.tag}, "summary": o.summary,
		"responses": schema{
			o.status:  schema{"description": "done", "content": schema{o.answerType: schema{"schema": o.answer}}},
			"default": schema{"description": "refused, or outcome not yet known (202)", "content": schema{"application/problem+json": schema{"schema": schema{"$ref": "#/components/schemas/Problem"}}}},
		},
	}
	if o.again {
		responses := out["responses"].(schema)
		responses["200"] = schema{"description": "done before", "content": responses[o.status].(schema)["content"]}
	}
	parameters := o.parameters
	if o.keyed {
		parameters = append(parameters, schema{"name": "Idempotency-Key", "in": "header", "required": true, "schema": schema{"type": "string", "minLength": 1, "maxLength": 64}})
	}
	if len(parameters) > 0 {
		out["parameters"] = parameters
	}
	if o.body != nil {
		out["requestBody"] = schema{"required": true, "content": schema{o.bodyType: schema{"schema": o.body}}}
	}
	return out
}
