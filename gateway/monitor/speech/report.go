package speech

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// meanings says what a finding is, Chinese and English.
var meanings = map[string][2]string{
	"absolute":            {"绝对化用语", "an absolute claim"},
	"medical":             {"宣称治疗、预防疾病或使用医疗用语", "a claim of healing or preventing a disease, or a medical term"},
	"false-effect":        {"保证或夸大功效", "an effect guaranteed or impossible"},
	"false-fact":          {"无法证实的事实", "an unprovable statement"},
	"freshness":           {"虚假的采摘或生产时间", "an untrue time of picking or making"},
	"additive-free":       {"与标签、检验不符或连同安全承诺的无添加", "free of additives, against the label or with a promise of safety"},
	"safety-endorsement":  {"安全性的绝对保证", "a guarantee of safety"},
	"price":               {"虚假的价格比较或诱导", "an untrue comparison of prices or a bait"},
	"origin-authority":    {"借国家机关、军队、领导人或特供之名", "use of the state's, the army's or leaders' name"},
	"harm-comparison":     {"贬低他人商品", "others' goods denigrated"},
	"guarantee-return":    {"保证收益或升值", "profit or rise in value promised"},
	"education-guarantee": {"保证升学或成绩", "marks or admission promised"},
	"superstition":        {"迷信内容", "superstition"},
	"breast-milk":         {"替代母乳", "a substitute for breast milk"},
	"well-known-mark":     {"以驰名商标宣传", "advertising with a well-known mark"},
}

// report turns the candidates that no context exempts into findings.
func (c *Checker) report(s *scratch, u Utterance) []Finding {
	s.kept = s.kept[:0]
	for i := range s.all {
		if k := &s.all[i]; k.exempt == notExempt {
			s.kept = append(s.kept, precedent{k.precedence(s.stream.spans(k.start, k.end)), int32(i), k.how})
		}
	}
	if len(s.kept) == 0 {
		return nil
	}
	if len(s.kept) > 12 {
		slices.SortFunc(s.kept, precedent.compare)
	} else {
		for i := 1; i < len(s.kept); i++ {
			k, j := s.kept[i], i
			for ; j > 0 && k.order <= s.kept[j-1].order && s.kept[j-1].compare(k) > 0; j-- {
				s.kept[j] = s.kept[j-1]
			}
			s.kept[j] = k
		}
	}
	longest := s.longest[:0]
	for _, p := range s.kept {
		k, covered := &s.all[p.at], false
		for _, at := range longest {
			o := &s.all[at]
			covered = covered || o.start < k.end && k.start < o.end && o.finding == k.finding
		}
		if !covered {
			longest = append(longest, p.at)
		}
	}
	s.longest = longest
	for i := 1; i < len(longest); i++ {
		for j := i; j > 0 && saidFirst(&s.all[longest[j]], &s.all[longest[j-1]]); j-- {
			longest[j-1], longest[j] = longest[j], longest[j-1]
		}
	}
	findings := s.room(len(longest))
	for i, at := range longest {
		f, k := &findings[i], &s.all[at]
		c.describe(f, s, u, k)
	}
	return findings
}

// room is memory for so many findings. They are given out of larger pieces: one piece
// costs little more than one finding.
func (s *scratch) room(n int) []Finding {
	if len(s.findings) < n {
		s.findings = make([]Finding, max(n, 16))
	}
	room := s.findings[:n:n]
	s.findings = s.findings[n:]
	return room
}

// saidFirst says that a finding stands before another in the text.
func saidFirst(a, b *candidate) bool {
	return a.start < b.start || a.start == b.start && Findings[a.finding] < Findings[b.finding]
}

// precedent is a candidate and what decides which of two is reported.
type precedent struct {
	order uint64
	at    int32 // in all
	how   Evasion
}

// precedence is what decides first: whether it spans clauses, for such a claim is reported
// only where no clause makes it alone; then the length, the place, the rule, the term. Lengths
// count up to 14 bits, places fit into 15, rules and terms into 17.
func (k *candidate) precedence(spans bool) uint64 {
	const most = 1<<14 - 1
	return uint64(one(spans))<<63 | uint64(most-min(k.end-k.start, most))<<49 | uint64(k.start)<<34 | uint64(k.rule+1)<<17 | uint64(k.term+1)
}

// compare puts first what is reported rather.
func (p precedent) compare(o precedent) int {
	if p.order != o.order {
		return cmp.Compare(p.order, o.order)
	}
	return int(p.how) - int(o.how)
}

// describe fills in a finding.
func (c *Checker) describe(f *Finding, s *scratch, u Utterance, k *candidate) {
	l := c.lexicon
	first, last := s.stream.text[k.start].place, s.stream.text[k.end-1].place
	f.Start, f.End, f.Evasion = int(first.start()), int(last.end()), k.how
	f.StartRune, f.EndRune = first.firstRune(), last.lastRune()+1
	f.Text = u.Text[f.Start:f.End]
	for i := k.start; i < k.end; i++ {
		f.Evasion |= s.stream.text[i].how()
		if i > k.start {
			switch s.stream.text[i].gap() {
			case gapNone:
			case gapSymbol:
				f.Evasion |= Symbols
			case gapSpace:
				f.Evasion |= Spaced
			default:
				if !s.stream.parted(i) { // a comma between clauses hides nothing
					f.Evasion |= Symbols
				}
			}
		}
	}
	switch {
	case k.rule < 0:
		f.wording, f.charge = &l.wordings[k.term], &l.charges[l.claims[k.term].charge]
	case k.term < 0:
		f.wording, f.charge = &l.ruleWordings[k.rule], &l.ruleCharges[k.rule]
	default:
		f.wording, f.charge = &l.wordings[k.term], &l.ruleCharges[k.rule]
	}
	if len(u.Facts.Additives) > 0 && k.term >= 0 && l.claims[k.term].label {
		own := *f.charge
		own.notes = append(slices.Clip(own.notes), "found: "+strings.Join(u.Facts.Additives, ", "))
		f.charge = &own
	}
}

// Explain says why, in Chinese for the host and in English.
func (f Finding) Explain() (chinese, english string) {
	m := meanings[f.Finding()]
	chinese = fmt.Sprintf("“%s”涉嫌%s，见%s", f.Text, m[0], f.Article())
	english = fmt.Sprintf("%q may be %s, see %s", f.Text, m[1], f.Article())
	// A rule's words may stand apart: the term itself is then said as it is.
	if names := f.Evasion.Names(); len(names) > 0 && f.Canonical() != "" && !strings.Contains(f.Text, f.Canonical()) {
		chinese += fmt.Sprintf("；即“%s”的变形", f.Canonical())
		english += fmt.Sprintf("; stands for %q (%s)", f.Canonical(), strings.Join(names, ", "))
	}
	return chinese, english
}
