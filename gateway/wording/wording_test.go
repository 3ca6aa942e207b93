package wording

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"traceledger/chaincode/trace"
)

// formats reads every format of a coded error out of the sources of the chaincode, of
// the way to it and of what comes in beside it: string literals behind a code, or behind
// a variable that holds one.
func formats(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pkg := range []string{"chaincode/trace", "chaincode/rules", "chaincode/contract", "chaincode/state", "gateway/ledger", "gateway/floor", "gateway/webhook", "gateway/ingest"} {
		root := filepath.Join("..", "..", filepath.FromSlash(pkg))
		require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "ingesttest") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, source, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) < 2 || !isCode(call.Args[0]) || isBilingual(call) {
					return true
				}
				if literal, ok := call.Args[1].(*ast.BasicLit); ok && literal.Kind == token.STRING {
					format, err := strconv.Unquote(literal.Value)
					if err == nil {
						out[format] = set.Position(call.Pos()).String()
					}
				}
				return true
			})
			return nil
		}))
	}
	return out
}

// isBilingual tells of a message about a cell of a sheet, which carries its Chinese with
// it, as the last argument of bad.
func isBilingual(call *ast.CallExpr) bool {
	of, ok := call.Fun.(*ast.Ident)
	return ok && of.Name == "bad" && len(call.Args) == 3
}

func isCode(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.SelectorExpr:
		return strings.HasPrefix(x.Sel.Name, "Code")
	case *ast.Ident:
		return strings.HasPrefix(x.Name, "Code") || x.Name == "code"
	}
	return false
}

// TestEveryRefusalHasChinese: a new format in what formats reads needs its sentence here,
// unless it carries its Chinese with it, as those about cells do.
func TestEveryRefusalHasChinese(t *testing.T) {
	have := map[string]bool{
		"%s: %s": true, // a field's name before another message
		"%v":     true, // only another error's text, within gateway/ledger
	}
	for _, list := range subjects() {
		for _, s := range list {
			require.False(t, have[s.english], "twice: %s", s.english)
			have[s.english] = true
			verbs := len(verb.FindAllString(strings.ReplaceAll(s.english, "%%", ""), -1))
			for _, at := range place.FindAllString(s.chinese, -1) {
				n, err := strconv.Atoi(strings.Trim(at, "{}"))
				require.NoError(t, err)
				require.LessOrEqual(t, n, verbs, s.english)
			}
		}
	}
	found := formats(t)
	require.Greater(t, len(found), 300, "the sources are read")
	var missing []string
	for format, where := range found {
		if !have[format] {
			missing = append(missing, fmt.Sprintf("%s: %q", where, format))
		}
	}
	require.Empty(t, missing, "no Chinese sentence: add one to the file of its subject")
}

func TestChinese(t *testing.T) {
	table := New()
	for message, want := range map[string]string{
		"harvest on 2026-09-01: sprayed with PD20269901 on 2026-08-28, 4 days before, safe from 2026-09-12":                            "2026-09-01 采收：2026-08-28 用过 PD20269901，只隔 4 天，2026-09-12 起才可采收",
		"9600000 g: plot plot-08 of 5333 m² gives at most 8000000 g a season, 100 are left":                                            "9600 千克：地块 plot-08（5333 平方米）一季最多产 8000 千克，还剩 100 克",
		"500 codes: lot 09520000100018/PJ has 120 items of 5000 g, 20 of them without a code":                                          "500 个码：批次 09520000100018/PJ 有 120 件（每件 5 千克），其中 20 件还没有码",
		"07-A: 10050 ml wanted, 900 of 23998500 left":                                                                                  "07-A：要用 10.05 升，23998.5 升中只剩 900 毫升",
		"07-A: 9223372036854775807 ml wanted, 900 of 23998500 left":                                                                    "07-A：要用 9223372036854775807 毫升，23998.5 升中只剩 900 毫升",
		"target.point: latitude 120300000, longitude -30400000; latitude must be within ±90°, longitude within ±180°, in 1e-6 degrees": "目的地的北斗坐标：纬度 120.3°、经度 -30.4°；纬度应在 ±90° 内、经度在 ±180° 内，是否写反了",
		"items 1 to 20 of pack KF261018 are with logistic unit 095200001000000018, not with party farm-01":                             "码包 KF261018 的第 1 至 20 件在 物流单元 095200001000000018 手中，不在 farm-01 手中",
		"licence L-1 is valid from 2020-01-01 to 2025-12-31, not on 2026-10-18":                                                        "许可证 L-1 的有效期为 2020-01-01 至 2025-12-31，2026-10-18 不在其内",
		"licence L-1 covers [fruit food], not cosmetics":                                                                               "许可证 L-1 的范围是 水果、食品，不含 化妆品",
		"reportedAt 2026-10-18T03:00:00Z lies before sampledAt 2026-10-19T03:00:00Z":                                                   "报告时间 2026-10-18 11:00:00 早于抽样时间 2026-10-19 11:00:00",
		"device D-1 sequence 7 is on the chain with other content":                                                                     "设备 D-1 的第 7 段已在账本上，且内容不同",
		"party nobody-01 is not in the registry":                                                                                       "主体 nobody-01 未登记，请先由监管部门登记",
		"lot 09520000100018/PJ has 9600 piece: 9000 would carry codes and 700 be in other lots or released, 100 too many":              "批次 09520000100018/PJ 共 9600 件：赋码 9000 件、已用于其他批次或放行 700 件，多出 100 件",
		"loads[0]: farm-01 did not consign items 1 to 200 of pack KF261018 under shipment sh-01":                                       "货物第 1 项：farm-01 没有在运单 sh-01 下委托码包 KF261018 的第 1 至 200 件",
		"items 1 to 9 of pack KF261018 are with carrier-01, not with farm-01":                                                          "码包 KF261018 的第 1 至 9 件在 carrier-01 手中，不在 farm-01 手中",
		"items[0].value: number \"x\" is not a decimal like \"0.05\" with at most six decimals":                                        "项目第 1 项的数值：数 x 应写成小数，如 0.05，最多六位小数",
		"party p-01 is suspended: {1} and %s":                                                                                          "p-01 已被暂停：{1} and %s",
		"more than 20 utterances a second of stream live-01; nothing was kept, slow down":                                              "直播 live-01 每秒超过 20 句；未保存，请放慢",
		"the XOR of header and body is not the checksum":                                                                               "消息头和消息体的异或值与校验码不符",
		"device D-1 was bound to nothing at 2026-10-18T03:00:00Z":                                                                      "设备 D-1 在 2026-10-18 11:00:00 没有绑定到任何运单、地块或库",
		"a reinstatement names the action it undoes and the report of what was put right (rectification)":                              "恢复要写明撤销哪次处置，并附整改报告",
	} {
		got, ok := table.Chinese(message)
		require.True(t, ok, message)
		require.Equal(t, want, got)
	}
	_, ok := table.Chinese("something the chain never says")
	require.False(t, ok)
	require.Equal(t, "时间先后有矛盾", table.Refusal(trace.CodeChronology, "something the chain never says"))
}

// TestEveryCodeHasAMeaning holds that no code of the chain is left without words.
func TestEveryCodeHasAMeaning(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, filepath.Join("..", "..", "chaincode", "trace", "error.go"), nil, 0)
	require.NoError(t, err)
	codes := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		codes++
		require.NotEmpty(t, Meaning(trace.Code(code)).Chinese, code)
		return true
	})
	require.Greater(t, codes, 30)
}

// TestAnyText: whatever a message holds, the table answers and keeps its values.
func TestAnyText(t *testing.T) {
	table := New()
	rapid.Check(t, func(t *rapid.T) {
		reason := rapid.StringMatching(`[^\n]{1,40}`).Draw(t, "reason")
		got, ok := table.Chinese("party p-01 is suspended: " + reason)
		require.True(t, ok)
		require.NotEmpty(t, got)
		table.Chinese(rapid.String().Draw(t, "message"))
	})
}

// A message that an author blew up costs next to nothing: without the bounds these take
// minutes.
func TestMessagesBlownUp(t *testing.T) {
	table := New()
	for _, message := range []string{
		strings.Repeat("a: ", 20_000), strings.Repeat("x for shipment , not ", 3_000), strings.Repeat("a: ", maxMessage/3), strings.Repeat("[", maxMessage),
	} {
		began := time.Now()
		_, ok := table.Chinese(message)
		require.False(t, ok)
		require.Less(t, time.Since(began), time.Minute)
		t.Log(time.Since(began))
	}
}
