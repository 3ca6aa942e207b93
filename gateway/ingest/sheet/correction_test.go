package sheet_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"traceledger/chaincode/trace"
	"traceledger/gateway/ingest/sheet"
)

const logCSV = "商品条码,批号,作业,时间,说明,更正记录,更正原因\n" +
	"09520000100018,PJ261018-A,包装,2026-10-19 14:00,5 kg 装,"

func TestARowCorrectsARecord(t *testing.T) {
	const key = "fact/lot/09520000100018~PJ261018-A/0000/log/0123456789abcdef0123456789abcdef"
	plain := parse(t, logCSV+",\n")
	require.Empty(t, plain.Errors)
	first := plain.Requests[0].Request.(*trace.AddLogEntryRequest)
	require.Empty(t, first.Corrects)

	plan := parse(t, logCSV+key+",写错了规格\n")
	require.Empty(t, plan.Errors)
	require.Len(t, plan.Requests, 1)
	q := plan.Requests[0].Request.(*trace.AddLogEntryRequest)
	require.Equal(t, trace.Key(key), q.Corrects)
	require.Equal(t, "写错了规格", q.CorrectionReason)
	require.NotEqual(t, first.IdempotencyKey, q.IdempotencyKey, "a correction is another request than what it corrects")

	for name, tt := range map[string]struct {
		cells, column string
		code          trace.Code
	}{
		"no reason":      {key + ",", "更正原因", trace.CodeMissing},
		"no record":      {",写错了规格", "更正记录", trace.CodeMissing},
		"not a record":   {"第 3 行,写错了规格", "更正记录", trace.CodeInvalid},
		"not a fact":     {"batch/09520000100018/PJ261018-A,写错了规格", "更正记录", trace.CodeInvalid},
		"a formula":      {"=A1,写错了规格", "更正记录", sheet.CodeFormula},
		"a control char": {"fact/\x01,写错了规格", "更正记录", trace.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			plan := parse(t, logCSV+tt.cells+"\n")
			require.NotEmpty(t, plan.Errors)
			require.Equal(t, tt.code, plan.Errors[0].Code)
			require.Equal(t, tt.column, plan.Errors[0].Column)
			require.Empty(t, plan.Requests)
		})
	}
}

// TestTemplatesAskForCorrections: exactly the tables whose records take corrections.
func TestTemplatesAskForCorrections(t *testing.T) {
	want := map[string]bool{"农事记录": true, "合格证": true, "检验报告": true, "交接": true, "设备绑定": true, "到货": true}
	found := map[string]bool{}
	for _, k := range sheet.Kinds() {
		data, err := sheet.Template(k.Kind)
		require.NoError(t, err)
		book, err := excelize.OpenReader(bytes.NewReader(data))
		require.NoError(t, err)
		for _, name := range book.GetSheetList() {
			rows, err := book.GetRows(name)
			require.NoError(t, err)
			if len(rows) == 0 || name == "示例" {
				continue
			}
			for _, header := range rows[0] {
				if header == "更正记录\nCorrects" {
					found[name] = true
				}
			}
		}
		require.NoError(t, book.Close())
	}
	require.Equal(t, want, found)
}
