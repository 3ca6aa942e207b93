// Package label compares what was said or written about a product with its label on file
// and with the inspections of the lots it was said of.
//
// In come one claim, the product, and lots with their inspections; out come findings
// about the claim. Claims are structured (chaincode/trace, ClaimKind): the check compares
// values, never sentences.
package label

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
	"traceledger/gateway/monitor"
)

// Case is everything the check looks at.
type Case struct {
	Claim       monitor.Claim
	Product     *trace.Product
	ProductKey  trace.Key
	Inspections []Inspection // of the lots the claim is about; not superseded
	Lots        []Lot
}

// Inspection is an inspection with its key.
type Inspection struct {
	Key    trace.Key
	Record *trace.Inspection
}

// Lot is where a lot was made.
type Lot struct {
	Key   trace.Key
	Place string
}

// Codes of findings.
const (
	AdditiveOnLabel   = "free-of-but-on-label" // violation
	AdditiveFound     = "free-of-but-found"    // violation
	MaterialDiffers   = "material-differs"     // violation
	NetContentDiffers = "net-content-differs"  // violation
	GradeDiffers      = "grade-differs"        // violation
	GradeNotOnLabel   = "grade-not-on-label"   // notice
	OriginDiffers     = "origin-differs"       // warning
)

// Check judges one claim.
func Check(r Rules, c Case) []monitor.Finding {
	switch c.Claim.Record.Kind {
	case trace.ClaimFreeOf:
		return append(r.additivesOnLabel(c), r.additivesFound(c)...)
	case trace.ClaimMaterial:
		return r.material(c)
	case trace.ClaimNetContent:
		return r.netContent(c)
	case trace.ClaimGrade:
		return r.grade(c)
	case trace.ClaimOrigin:
		return r.origin(c)
	}
	return nil
}

// input is what a finding depends on: the claim and the records it is compared with,
// whose keys name immutable content.
type input struct {
	Claim trace.Key   `json:"claim"`
	With  []trace.Key `json:"with"`
}

func (c *Case) finding(code string, level trace.VerdictLevel, with trace.Key, text, english string) monitor.Finding {
	return c.Claim.About(monitor.Finding{
		Finding: code, Level: level, Text: text, TextEnglish: english,
		Input: input{c.Claim.Key, []trace.Key{with}}, Evidence: []trace.Key{with},
	})
}

// substances are the names that a "free of" claim rules out. 添加剂 means all of them.
func (r *Rules) substances(claimed string) []string {
	if claimed == "添加剂" || claimed == "添加" {
		var all []string
		for _, terms := range r.FreeOf {
			all = append(all, terms...)
		}
		slices.Sort(all)
		return all
	}
	return append([]string{claimed}, r.FreeOf[claimed]...)
}

func (r *Rules) additivesOnLabel(c Case) []monitor.Finding {
	var listed []string
	for _, ingredient := range c.Product.Ingredients {
		if slices.Contains(r.substances(c.Claim.Record.Text), plain(ingredient)) {
			listed = append(listed, plain(ingredient))
		}
	}
	if len(listed) == 0 {
		return nil
	}
	return []monitor.Finding{c.finding(AdditiveOnLabel, trace.LevelViolation, c.ProductKey,
		fmt.Sprintf("宣称不含%s，标签成分列有%s", c.Claim.Record.Text, shorten(listed)),
		fmt.Sprintf("claimed free of %s, the label lists %s", c.Claim.Record.Text, shorten(listed)))}
}

func (r *Rules) additivesFound(c Case) []monitor.Finding {
	var out []monitor.Finding
	for _, inspection := range c.Inspections {
		var found, english []string
		for _, item := range inspection.Record.Items {
			present := item.Result == trace.ResultDetected || item.Result == trace.ResultNumber && item.Value != nil && *item.Value > 0
			if !present || !slices.Contains(r.substances(c.Claim.Record.Text), item.Substance) {
				continue
			}
			amount := ""
			if item.Result == trace.ResultNumber {
				amount = " " + item.Value.String() + " " + item.Unit
			}
			name := item.Substance
			if item.Limit != nil && item.Limit.Name != "" {
				name = item.Limit.Name // as the standards table calls it
			}
			found, english = append(found, name+amount), append(english, item.Substance+amount)
		}
		if len(found) > 0 {
			out = append(out, c.finding(AdditiveFound, trace.LevelViolation, inspection.Key,
				fmt.Sprintf("宣称不含%s，检验报告 %s 检出 %s", c.Claim.Record.Text, inspection.Record.CertificateNumber, shorten(found)),
				fmt.Sprintf("claimed free of %s, report %s found %s", c.Claim.Record.Text, inspection.Record.CertificateNumber, shorten(english))))
		}
	}
	return out
}

// material compares fibres: "纯棉" with "棉 60%" and "聚酯纤维 40%".
func (r *Rules) material(c Case) []monitor.Finding {
	claimed := r.fibreIn(c.Claim.Record.Text)
	if claimed == "" {
		return nil
	}
	pure := slices.ContainsFunc(r.Pure, func(word string) bool { return strings.Contains(c.Claim.Record.Text, word) })
	share, others, known := int64(0), []string{}, false
	for _, ingredient := range c.Product.Ingredients {
		fibre := r.fibreIn(ingredient)
		if fibre == "" {
			continue
		}
		known = true
		if fibre == claimed {
			share += percent(ingredient)
		} else {
			others = append(others, ingredient)
		}
	}
	if !known || share >= r.PureShare && len(others) == 0 || !pure && share > 0 {
		return nil
	}
	return []monitor.Finding{c.finding(MaterialDiffers, trace.LevelViolation, c.ProductKey,
		fmt.Sprintf("宣称“%s”，标签材质为 %s", c.Claim.Record.Text, shorten(c.Product.Ingredients)),
		fmt.Sprintf("claimed %q, the label says %s", c.Claim.Record.Text, shorten(c.Product.Ingredients)))}
}

// fibreIn is the longest fibre name in a text.
func (r *Rules) fibreIn(text string) string {
	longest := ""
	for _, fibre := range r.Fibres {
		if strings.Contains(text, fibre) && len(fibre) > len(longest) {
			longest = fibre
		}
	}
	return longest
}

var share = regexp.MustCompile(`(\d{1,3})\s*[%％]`)

// percent is the share in "棉 60%"; without one the whole.
func percent(ingredient string) int64 {
	m := share.FindStringSubmatch(ingredient)
	if m == nil {
		return 100
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	return n
}

// netContent compares with the label as printed, or else with what one item holds.
func (r *Rules) netContent(c Case) []monitor.Finding {
	claimed := c.Claim.Record.Quantity
	label, printed := c.Product.NetContent, c.Product.LabelContent
	if read, ok := quantity(printed); ok {
		label = read
	} else {
		printed = fmt.Sprintf("%d %s", label.Amount, label.Unit)
	}
	if label.Unit != claimed.Unit || claimed.Amount*100 <= label.Amount*(100+r.NetContentOver) {
		return nil
	}
	return []monitor.Finding{c.finding(NetContentDiffers, trace.LevelViolation, c.ProductKey,
		fmt.Sprintf("宣称净含量 %d %s，标签为 %s", claimed.Amount, claimed.Unit, printed),
		fmt.Sprintf("claimed net content %d %s, the label says %s", claimed.Amount, claimed.Unit, printed))}
}

var amount = regexp.MustCompile(`^\s*(\d{1,9})(?:\.(\d{1,3}))?\s*(kg|千克|公斤|g|克|L|升|ml|mL|毫升)\s*$`)

// quantity reads a net content as printed, "50 g", "1.5 kg".
func quantity(printed string) (trace.Quantity, bool) {
	m := amount.FindStringSubmatch(printed)
	if m == nil {
		return trace.Quantity{}, false
	}
	unit, thousandfold := trace.Gram, false
	switch m[3] {
	case "kg", "千克", "公斤":
		thousandfold = true
	case "L", "升":
		unit, thousandfold = trace.Millilitre, true
	case "ml", "mL", "毫升":
		unit = trace.Millilitre
	}
	milli, err := strconv.ParseInt(m[1]+(m[2] + "000")[:3], 10, 64)
	if err != nil {
		return trace.Quantity{}, false
	}
	if !thousandfold {
		return trace.Quantity{Amount: milli / 1000, Unit: unit}, milli%1000 == 0
	}
	return trace.Quantity{Amount: milli, Unit: unit}, true
}

// grade compares with the grade among the label's claims.
func (r *Rules) grade(c Case) []monitor.Finding {
	rank := func(text string) int {
		return slices.IndexFunc(r.Grades, func(grade string) bool { return strings.Contains(text, grade) })
	}
	claimed := rank(c.Claim.Record.Text)
	if claimed < 0 {
		return nil
	}
	for _, label := range c.Product.LabelClaims {
		on := rank(label)
		if on < 0 {
			continue
		}
		if r.Ranks[on] <= r.Ranks[claimed] {
			return nil
		}
		return []monitor.Finding{c.finding(GradeDiffers, trace.LevelViolation, c.ProductKey,
			fmt.Sprintf("宣称“%s”，标签等级为“%s”", c.Claim.Record.Text, label),
			fmt.Sprintf("claimed %q, the label's grade is %q", c.Claim.Record.Text, label))}
	}
	return []monitor.Finding{c.finding(GradeNotOnLabel, trace.LevelNotice, c.ProductKey,
		fmt.Sprintf("宣称“%s”，标签上没有等级可对照", c.Claim.Record.Text),
		fmt.Sprintf("claimed %q, the label has no grade to compare with", c.Claim.Record.Text))}
}

// origin compares with where the lots were made: places that share no two characters in a
// row are different ones.
func (r *Rules) origin(c Case) []monitor.Finding {
	var out []monitor.Finding
	for _, lot := range c.Lots {
		if lot.Place == "" || sharesPair(c.Claim.Record.Text, lot.Place) {
			continue
		}
		out = append(out, c.finding(OriginDiffers, trace.LevelWarning, lot.Key,
			fmt.Sprintf("宣称产地“%s”，批次登记产地为“%s”", c.Claim.Record.Text, lot.Place),
			fmt.Sprintf("claimed origin %q, the lot's is %q", c.Claim.Record.Text, lot.Place)))
	}
	return out
}

func sharesPair(a, b string) bool {
	runes := []rune(a)
	for i := 1; i < len(runes); i++ {
		if strings.Contains(b, string(runes[i-1:i+1])) {
			return true
		}
	}
	return len(runes) < 2
}

// plain is an ingredient without its share: "苯氧乙醇(0.6%)".
func plain(ingredient string) string {
	name, _, _ := strings.Cut(strings.NewReplacer("（", "(").Replace(ingredient), "(")
	name = share.ReplaceAllString(name, "")
	return strings.TrimSpace(name)
}

// shorten lists the first few; a verdict's text is short.
func shorten(names []string) string {
	if len(names) > 5 {
		return strings.Join(names[:5], "、") + "…"
	}
	return strings.Join(names, "、")
}
