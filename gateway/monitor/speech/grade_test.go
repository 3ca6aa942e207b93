package speech

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A grade of medicine, of the laboratory, of the state or of the world is a claim standing
// alone, whatever it is said of; a grade of a standard is none, nor one denied. But for 医疗级配方
// none of these was learnt from.
func TestGradesThatAreClaims(t *testing.T) {
	c := embedded(t)
	for _, x := range []struct{ said, category, finding string }{
		{"医学级抗老", "beauty", "medical"},
		{"临床级的修护", "beauty", "medical"},
		{"针剂级精华", "beauty", "medical"},
		{"实验室级别的面霜", "beauty", "medical"},
		{"实验室级修复", "beauty", "medical"},
		{"药用级原料", "food", "medical"},
		{"医疗级营养", "food", "medical"},
		{"临床级别的蛋白", "food", "medical"},
		{"国礼级工艺", "food", "origin-authority"},
		{"医院级净化", "home", "medical"},
		{"医疗级材质", "home", "medical"},
		{"骨科级的枕头", "home", "medical"},
		{"国际级品质", "home", "absolute"},
		{"医院级监测", "electronics", "medical"},
		{"医疗级的精度", "electronics", "medical"},
		{"航天级的工艺", "electronics", "origin-authority"},
		{"医疗级配方", "", "medical"},
		{"医*疗*级*配*方", "beauty", "medical"},
		{"医疗级护肤都是噱头", "beauty", ""},
		{"这可不是医疗级配方", "beauty", ""},
		{"医疗级，配方我就不念了，没有这个说法", "beauty", ""},
		{"实验室检测报告在详情页", "beauty", ""},
		{"特级初榨橄榄油", "food", ""},
		{"国标一级的配方", "food", ""},
		{"食品级不锈钢", "home", ""},
		{"医院用的床垫不归我们做", "home", ""},
		{"一级能效", "electronics", ""},
		{"专业级配色", "electronics", ""},
	} {
		found := check(t, c, Utterance{Text: x.said, Category: x.category})
		if x.finding == "" {
			require.Empty(t, found, x.said)
			continue
		}
		require.Len(t, found, 1, x.said)
		require.Equal(t, x.finding, found[0].Finding(), x.said)
	}
}
