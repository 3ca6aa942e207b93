package sheet

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"traceledger/chaincode/trace"
)

// fault is what is wrong with one value: a code and its explanation without the
// place, which the row adds.
type fault struct {
	code        trace.Code
	text        string // Chinese: what would be right
	textEnglish string // what is wrong
}

func bad(code trace.Code, english, chinese string) *fault {
	return &fault{code, chinese, english}
}

// parseNumber reads "9600", "9,600", "9,600.5", "0.05".
func parseNumber(s string) (trace.Decimal, *fault) {
	t := narrow(s)
	wrong := bad(trace.CodeInvalid, strconv.Quote(clip(s))+" is not a number", "应为数字，如 9600 或 0.05")
	if strings.ContainsAny(t, "OoIl") && strings.ContainsAny(t, "0123456789") {
		wrong.text = "应为数字，如 9600；这里有字母(O 或 l)，请改成数字 0 或 1"
	}
	digits := strings.TrimPrefix(t, "+")
	if strings.Contains(digits, ",") {
		plain, ok := withoutThousands(digits)
		if !ok {
			return 0, wrong
		}
		digits = plain
	}
	if dot := strings.IndexByte(digits, '.'); dot >= 0 {
		if len(digits)-dot-1 > 6 && strings.Trim(digits[dot+7:], "0123456789") == "" {
			return 0, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" has more than six decimals", "小数最多六位")
		}
		if strings.HasPrefix(digits, ".") {
			return 0, wrong
		}
	}
	v, err := trace.ParseDecimal(digits)
	if err != nil {
		return 0, wrong
	}
	return v, nil
}

// withoutThousands removes commas that stand where a thousands separator does.
func withoutThousands(s string) (string, bool) {
	negative := strings.HasPrefix(s, "-")
	whole, fraction, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	groups := strings.Split(whole, ",")
	for i, g := range groups {
		if i == 0 && (len(g) < 1 || len(g) > 3) || i > 0 && len(g) != 3 {
			return "", false
		}
	}
	out := strings.Join(groups, "")
	if negative {
		out = "-" + out
	}
	if point {
		out += "." + fraction
	}
	return out, true
}

// one is 1 as a Decimal.
const one = trace.Decimal(1_000_000)

// scaled turns a decimal into an integer count of 1/per units; exact or not at all.
func scaled(d trace.Decimal, per int64) (int64, bool) {
	if per > 0 && (int64(d) > math.MaxInt64/per || int64(d) < math.MinInt64/per) {
		return 0, false
	}
	v := int64(d) * per
	return v / int64(one), v%int64(one) == 0
}

// splitUnit cuts "9,600 kg" into its number and unit.
func splitUnit(s string) (number, unit string) {
	t := narrow(s)
	end := len(t)
	for i, r := range t {
		if r >= '0' && r <= '9' || strings.ContainsRune("+-., ", r) || i < len(t)-1 && strings.ContainsRune("OolI", r) && i > 0 && t[i-1] >= '0' && t[i-1] <= '9' {
			continue
		}
		end = i
		break
	}
	return clean(t[:end]), clean(t[end:])
}

// quantityUnit is a unit that people write, as ledger units each.
type quantityUnit struct {
	unit trace.Unit
	per  int64 // ledger units in one
	pack bool  // a box: worth the product's net content
}

func unitOf(s string) (quantityUnit, bool) {
	switch fold(s) {
	case "g", "克":
		return quantityUnit{unit: trace.Gram, per: 1}, true
	case "kg", "千克", "公斤":
		return quantityUnit{unit: trace.Gram, per: 1_000}, true
	case "斤", "市斤", "jin":
		return quantityUnit{unit: trace.Gram, per: 500}, true
	case "t", "吨", "公吨":
		return quantityUnit{unit: trace.Gram, per: 1_000_000}, true
	case "ml", "毫升":
		return quantityUnit{unit: trace.Millilitre, per: 1}, true
	case "l", "升":
		return quantityUnit{unit: trace.Millilitre, per: 1_000}, true
	case "piece", "pieces", "pcs", "件", "个", "只", "支", "瓶", "盒", "袋":
		return quantityUnit{unit: trace.Piece, per: 1}, true
	case "箱", "box", "boxes", "carton", "cartons":
		return quantityUnit{pack: true}, true
	}
	return quantityUnit{}, false
}

const unitHint = "单位可填 克、千克、kg、斤、吨、毫升、升、件、支、箱"

// written shows a quantity of the ledger as people write it: in kilograms or litres
// from one upwards, in the ledger's own unit below.
func written(q trace.Quantity) string {
	large := ""
	switch q.Unit {
	case trace.Gram:
		large = "kg"
	case trace.Millilitre:
		large = "L"
	}
	if large == "" || q.Amount < 1_000 {
		return grouped(q.Amount) + " " + string(q.Unit)
	}
	s := grouped(q.Amount / 1_000)
	if rest := q.Amount % 1_000; rest > 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%03d", rest), "0")
	}
	return s + " " + large
}

// grouped writes a number that is not negative with a comma every three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// parseQuantity reads an amount with its unit from one cell, or from two.
func parseQuantity(s, unit string) (trace.Quantity, bool, *fault) {
	number, own := splitUnit(s)
	if _, known := unitOf(own); own != "" && unit != "" && !known {
		return trace.Quantity{}, false, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" is not a number", "应为数字，如 9600；请检查有没有把 0 写成字母 O，或把 1 写成字母 l")
	}
	if own != "" && unit != "" && fold(own) != fold(unit) {
		return trace.Quantity{}, false, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" and unit "+strconv.Quote(clip(unit))+" differ", "数量里写的单位与单位列不一致，请只保留一处")
	}
	if own == "" {
		own = unit
	}
	amount, f := parseNumber(number)
	if f != nil {
		f.textEnglish = strconv.Quote(clip(s)) + " is not a number"
		return trace.Quantity{}, false, f
	}
	if own == "" {
		return trace.Quantity{}, false, bad(trace.CodeMissing, "the unit is missing", "缺少单位；"+unitHint)
	}
	u, ok := unitOf(own)
	if !ok {
		return trace.Quantity{}, false, bad(trace.CodeInvalid, "unit "+strconv.Quote(clip(own))+" is not known", unitHint)
	}
	if amount <= 0 {
		return trace.Quantity{}, false, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" is not above zero", "数量应大于 0")
	}
	per := u.per
	if u.pack {
		per = 1
	}
	v, exact := scaled(amount, per)
	if !exact {
		return trace.Quantity{}, false, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" is not a whole number of the smallest unit", "换算成最小单位(克、毫升、件)后应为整数")
	}
	return trace.Quantity{Amount: v, Unit: u.unit}, u.pack, nil
}

// parseArea reads an area; 1 mu (亩) is 10000/15 m², rounded to the nearest m².
func parseArea(s, unit string) (trace.SquareMetres, *fault) {
	number, own := splitUnit(s)
	if own == "" {
		own = unit
	}
	v, f := parseNumber(number)
	if f != nil {
		return 0, f
	}
	if v <= 0 || v > 1_000_000*one {
		return 0, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" is not a plausible area", "面积应大于 0")
	}
	var millionths int64
	switch fold(own) {
	case "亩", "mu", "市亩":
		millionths = (int64(v)*10_000 + 7) / 15
	case "公顷", "ha", "hectare":
		millionths = int64(v) * 10_000
	case "平方米", "m2", "㎡", "平米":
		millionths = int64(v)
	case "":
		return 0, bad(trace.CodeMissing, "the unit of the area is missing", "缺少面积单位，请填 亩、公顷 或 平方米")
	default:
		return 0, bad(trace.CodeInvalid, "unit "+strconv.Quote(clip(own))+" is no area", "面积单位请填 亩、公顷 或 平方米")
	}
	return trace.SquareMetres((millionths + int64(one)/2) / int64(one)), nil
}

// parseDegrees reads a coordinate in decimal degrees; digits beyond 1e-6 ° (a tenth
// of a metre) are rounded away.
func parseDegrees(s string, most int64) (trace.MicroDegrees, *fault) {
	t := strings.TrimRight(narrow(s), "°")
	if dot := strings.IndexByte(t, '.'); dot >= 0 && len(t)-dot-1 > 6 {
		extra := t[dot+7:]
		if strings.Trim(extra, "0123456789") == "" {
			v, f := parseNumber(t[:dot+7])
			if f == nil {
				if extra[0] >= '5' {
					if strings.HasPrefix(t, "-") {
						v--
					} else {
						v++
					}
				}
				return degrees(s, v, most)
			}
		}
	}
	v, f := parseNumber(t)
	if f != nil {
		f.text = "应为小数度的坐标，如 30.205 或 103.512"
		return 0, f
	}
	return degrees(s, v, most)
}

func degrees(s string, v trace.Decimal, most int64) (trace.MicroDegrees, *fault) {
	if int64(v) > most*int64(one) || int64(v) < -most*int64(one) {
		return 0, bad(trace.CodeOutOfRange, strconv.Quote(clip(s))+" is no coordinate: at most "+strconv.FormatInt(most, 10)+" degrees", "坐标超出范围，纬度不超过 ±90，经度不超过 ±180")
	}
	return trace.MicroDegrees(v), nil
}

// Physical bounds of a temperature: beyond them a probe is broken or unplugged.
const (
	coldest trace.CentiCelsius = -90_00
	hottest trace.CentiCelsius = 70_00
)

func parseTemperature(s string) (trace.CentiCelsius, *fault) {
	t := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(narrow(s), "C"), "°"), "度")
	v, f := parseNumber(t)
	if f != nil {
		f.textEnglish = strconv.Quote(clip(s)) + " is not a temperature"
		f.text = "应为摄氏温度，如 4.8"
		return 0, f
	}
	c, exact := scaled(v, 100)
	if !exact {
		return 0, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" has more than two decimals", "温度最多两位小数")
	}
	if c < int64(coldest) || c > int64(hottest) {
		return 0, bad(trace.CodeOutOfRange, strconv.Quote(clip(s))+" is an impossible temperature", "温度应在 −90 到 70 ℃ 之间，请检查探头或单位")
	}
	return trace.CentiCelsius(c), nil
}

// parseRange reads "0~5", "-18 至 -12 ℃".
func parseRange(s string) (trace.TemperatureRange, *fault) {
	t := narrow(s)
	for _, separator := range []string{"~", "至", "到", " to "} {
		low, high, ok := strings.Cut(t, separator)
		if !ok {
			continue
		}
		a, f := parseTemperature(low)
		if f != nil {
			return trace.TemperatureRange{}, f
		}
		b, f := parseTemperature(high)
		if f != nil {
			return trace.TemperatureRange{}, f
		}
		if a > b {
			return trace.TemperatureRange{}, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" begins above its end", "温度范围应从低到高，如 0~5")
		}
		return trace.TemperatureRange{Minimum: a, Maximum: b}, nil
	}
	return trace.TemperatureRange{}, bad(trace.CodeInvalid, strconv.Quote(clip(s))+" is not a temperature range", "应为温度范围，如 0~5 或 -18~-12")
}

// dayShape brings the usual ways to write a day and a time to "2026-10-18 16:00:00".
func dayShape(s string) string {
	t := narrow(s)
	t = strings.NewReplacer("年", "-", "月", "-", "日", " ", "号", " ", "时", ":", "点", ":", "分", ":", "秒", "", "/", "-").Replace(t)
	t = strings.TrimRight(strings.TrimSpace(t), ":-")
	return strings.Join(strings.Fields(t), " ")
}

const (
	dayHint  = "应为日期，如 2026-10-18、2026/10/18 或 2026年10月18日"
	timeHint = "应为日期加时间，如 2026-10-18 16:00"
)

func parseDay(c cell) (trace.Date, *fault) {
	wrong := bad(trace.CodeInvalid, strconv.Quote(clip(c.text))+" is not a day like 2026-10-18", dayHint)
	if c.number {
		if t, ok := serialTime(c); ok && t%(24*time.Hour) == 0 {
			return trace.Date(t / (24 * time.Hour)), nil
		}
	}
	t := dayShape(c.text)
	for _, layout := range []string{"2006-1-2", "2006.1.2", "20060102"} {
		if v, err := time.Parse(layout, t); err == nil {
			if d, err := trace.ParseDate(v.Format("2006-01-02")); err == nil {
				return d, nil
			}
		}
	}
	if v, err := time.Parse("2006-1-2 15:4:5", t); err == nil && v.Truncate(24*time.Hour).Equal(v) {
		if d, err := trace.ParseDate(v.Format("2006-01-02")); err == nil {
			return d, nil
		}
	}
	return 0, wrong
}

// serialTime reads a spreadsheet's day serial as time since 1970-01-01, to the second
// (a binary fraction of a day holds no more). Days 2000 to 2199 only, so that an
// ordinary number is not taken for a day.
func serialTime(c cell) (time.Duration, bool) {
	v, err := strconv.ParseFloat(c.text, 64)
	if err != nil {
		return 0, false
	}
	if c.date04 {
		v += 1462
	}
	const epoch1970, year2000, year2200 = 25569, 36526, 109575
	if v < year2000 || v >= year2200 {
		return 0, false
	}
	return time.Duration(math.Round((v-epoch1970)*86400)) * time.Second, true
}

func parseMoment(c cell, zone *time.Location) (trace.Time, *fault) {
	wrong := bad(trace.CodeInvalid, strconv.Quote(clip(c.text))+" is not a time like 2026-10-18 16:00", timeHint)
	if c.number {
		if d, ok := serialTime(c); ok {
			civil := time.Unix(0, 0).UTC().Add(d)
			return inYears(time.Date(civil.Year(), civil.Month(), civil.Day(), civil.Hour(), civil.Minute(), civil.Second(), 0, zone), wrong)
		}
	}
	raw := narrow(c.text)
	if v, err := time.Parse(time.RFC3339Nano, raw); err == nil {
		return inYears(v, wrong)
	}
	t := dayShape(strings.Replace(raw, "T", " ", 1))
	for _, layout := range []string{"2006-1-2 15:4:5", "2006-1-2 15:4", "2006-1-2", "2006.1.2 15:4:5", "2006.1.2 15:4", "20060102 150405", "20060102150405"} {
		if v, err := time.ParseInLocation(layout, t, zone); err == nil {
			return inYears(v, wrong)
		}
	}
	return 0, wrong
}

func inYears(v time.Time, wrong *fault) (trace.Time, *fault) {
	if y := v.UTC().Year(); y < 2000 || y > 2199 {
		return 0, wrong
	}
	return trace.TimeOf(v), nil
}

// isBlank: people mark "nothing" with a dash or a slash.
func isBlank(s string) bool {
	switch clean(s) {
	case "", "-", "--", "—", "——", "/", "\\", "无", "n/a", "N/A":
		return true
	}
	return false
}

// list splits a cell that holds several values.
func list(s string) []string {
	var out []string
	for _, p := range strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == '\uff1b' || r == '、' || r == '\n' }) {
		if p = clean(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}
