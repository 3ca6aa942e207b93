package speech

import (
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func embedded(t testing.TB) *Checker {
	t.Helper()
	l, err := Embedded()
	require.NoError(t, err)
	return NewChecker(l)
}

// The digest goes on the ledger as the rule's content, so data that changes needs a new
// version: change both here.
func TestLexiconIsPinned(t *testing.T) {
	l := embedded(t).Lexicon()
	require.Equal(t, pinnedVersion, l.Version)
	require.Equal(t, pinnedDigest, l.Digest.String(), "the data changed: give it a new VERSION and pin both")
}

func TestLexiconHasItsTerms(t *testing.T) {
	l := embedded(t).Lexicon()
	distinct, findings := map[string]bool{}, map[string]int{}
	ids := map[string]bool{}
	for _, term := range l.Terms {
		word := string(utf16.Decode(l.folder.symbols(term.Text)))
		require.False(t, distinct[word], "%s twice", term.Text)
		require.False(t, ids[term.ID], "id %s twice", term.ID)
		distinct[word], ids[term.ID] = true, true
		require.Contains(t, term.Example, term.Text)
		findings[term.Finding]++
	}
	require.GreaterOrEqual(t, len(distinct), 3000)
	for _, finding := range Findings {
		require.NotZero(t, findings[finding], finding)
	}
	t.Log(len(distinct), "terms:", findings)
}

// Every term and every rule is found in its own example.
func TestExamplesAreFound(t *testing.T) {
	c := embedded(t)
	found := func(example string, is func(candidate) bool) bool {
		s := &scratch{most: math.MaxInt}
		c.lexicon.folder.fold(&s.stream, example)
		c.find(s)
		s.fit(c.lexicon, anyProduct)
		s.fitting, s.broad = append(s.fitting, s.broad...), nil
		c.candidates(s, Facts{}, anyProduct)
		for _, k := range s.all {
			if k.exempt == notExempt && is(k) {
				return true
			}
		}
		return false
	}
	var missed []string
	for i, term := range c.lexicon.Terms {
		if !found(term.Example, func(k candidate) bool { return k.term == int32(i) }) {
			missed = append(missed, term.Text+": "+term.Example)
		}
	}
	for i, rule := range c.lexicon.Rules {
		if !found(rule.Example, func(k candidate) bool { return k.rule == int32(i) }) {
			missed = append(missed, rule.ID+": "+rule.Example)
		}
	}
	require.Empty(t, missed, strings.Join(missed, "\n"))
}

// small is a lexicon of one row a file.
func small() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		"VERSION":         file("1.0\n"),
		"traditional.csv": file("traditional,simplified\n國,国\n"),
		"lookalike.csv":   file("lookalike,character\n朂,最\n"),
		"sounds.csv":      file("character,syllable\n咀,zui\n"),
		"folds.csv":       file("from,to,evasion\n氵台,治,split\n"),
		"words.csv":       file("class,word\nheal,治 治疗\n"),
		"rules.csv":       file("id,pattern,article,finding,product,level,condition,example\nheal,{heal} ~4 {ill},广告法第十七条,medical,any,serious,,治湿疹\n"),
		"tone.csv":        file("run,weight\nbias,-50\n治湿,300\n"),
		"terms-a.csv":     file("term,article,finding,product,level,condition,example\n湿疹,广告法第十七条,medical,any,serious,cure,治湿疹\n最好吃,广告法第九条第（三）项,absolute,food,minor,,最好吃\n"),
	}
}

// A lexicon with one bad row is refused whole, naming the row.
func TestLoadRefusesABadRow(t *testing.T) {
	_, err := Load(small())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		file, old, new string
		code           trace.Code
		place          string
	}{
		"finding":      {"terms-a.csv", "absolute", "boast", trace.CodeInvalid, "line 3 column finding"},
		"article":      {"terms-a.csv", "广告法第九条第（三）项", "第九条", trace.CodeInvalid, "line 3 column article"},
		"product":      {"terms-a.csv", "food", "toys", trace.CodeInvalid, "line 3 column product"},
		"level":        {"terms-a.csv", "minor", "bad", trace.CodeInvalid, "line 3 column level"},
		"condition":    {"terms-a.csv", "cure", "maybe", trace.CodeInvalid, "line 2 column condition"},
		"example":      {"terms-a.csv", "cure,治湿疹", "cure,", trace.CodeMissing, "line 2 column example"},
		"term missing": {"terms-a.csv", "\n最好吃,", "\n,", trace.CodeMissing, "line 3 column term"},
		"term short":   {"terms-a.csv", "\n最好吃,", "\n最,", trace.CodeInvalid, "line 3 column term"},
		"term twice":   {"terms-a.csv", "\n最好吃,", "\n湿 疹,", trace.CodeAlreadyExists, "line 3 column term"},
		"spaces":       {"terms-a.csv", "\n最好吃,", "\n最好吃 ,", trace.CodeInvalid, "line 3 column term"},
		"cells":        {"terms-a.csv", "minor,,最好吃", "minor,最好吃", trace.CodeMalformed, "terms-a.csv"},
		"header":       {"terms-a.csv", "term,article", "word,article", trace.CodeMalformed, "terms-a.csv"},
		"UTF-8":        {"terms-a.csv", "最好吃", "\xff", trace.CodeMalformed, "terms-a.csv"},
		"long cell":    {"terms-a.csv", "minor,,最好吃", "minor,," + strings.Repeat("最", 500), trace.CodeTooLarge, "line 3 column example"},
		"class":        {"rules.csv", "{ill}", "{sick}", trace.CodeInvalid, "rules.csv line 2 column id"},
		"gap":          {"rules.csv", "~4", "~x", trace.CodeInvalid, "rules.csv line 2"},
		"pattern":      {"rules.csv", "{heal} ~4 {ill}", "", trace.CodeMissing, "rules.csv line 2"},
		"evasion":      {"folds.csv", "split", "magic", trace.CodeInvalid, "folds.csv line 2 column evasion"},
		"fold grows":   {"folds.csv", "治", "治治治", trace.CodeInvalid, "folds.csv line 2"},
		"two for one":  {"lookalike.csv", "朂", "朂朂", trace.CodeInvalid, "lookalike.csv line 2 column lookalike"},
		"syllable":     {"sounds.csv", "zui", "zuì", trace.CodeInvalid, "sounds.csv line 2 column syllable"},
		"run":          {"tone.csv", "治湿", "治湿疹的", trace.CodeInvalid, "tone.csv line 3 column run"},
		"weight":       {"tone.csv", "300", "3e2", trace.CodeInvalid, "tone.csv line 3 column weight"},
		"word":         {"words.csv", "治 治疗", "", trace.CodeMissing, "words.csv line 2 column word"},
		"version":      {"VERSION", "1.0", "", trace.CodeInvalid, "VERSION"},
	} {
		files := small()
		content := string(files[c.file].Data)
		require.Contains(t, content, c.old, name)
		files[c.file] = &fstest.MapFile{Data: []byte(strings.Replace(content, c.old, c.new, 1))}
		l, err := Load(files)
		require.Nil(t, l, name)
		require.ErrorIs(t, err, &trace.Error{Code: c.code}, "%s: %v", name, err)
		require.ErrorContains(t, err, c.place, name)
	}
	for _, name := range []string{"VERSION", "words.csv", "terms-a.csv"} {
		files := small()
		delete(files, name)
		_, err := Load(files)
		require.ErrorIs(t, err, &trace.Error{Code: trace.CodeMissing}, name)
	}
}

// The digest is of the content: line ends and quotes do not count, a letter does.
func TestDigestIsOfTheContent(t *testing.T) {
	digest := func(files fs.FS) string {
		l, err := Load(files)
		require.NoError(t, err)
		return l.Digest.String()
	}
	want := digest(small())
	same := small()
	same["terms-a.csv"].Data = []byte(strings.ReplaceAll(strings.ReplaceAll(string(same["terms-a.csv"].Data), "\n", "\r\n"), "最好吃,", `"最好吃",`))
	require.Equal(t, want, digest(same))
	other := small()
	other["terms-a.csv"].Data = []byte(strings.Replace(string(other["terms-a.csv"].Data), "最好吃,", "最好喝,", 1))
	require.NotEqual(t, want, digest(other))
}

func FuzzLexicon(f *testing.F) {
	for name, file := range small() {
		f.Add(name, file.Data)
	}
	f.Add("terms-b.csv", []byte("term,article,finding,product,level,condition,example\n"))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		if !fs.ValidPath(name) || name == "." || len(content) > 1<<12 {
			return
		}
		files := small()
		if _, ok := files[name]; !ok && !strings.HasPrefix(name, "terms-") || strings.Contains(name, "/") {
			return
		}
		files[name] = &fstest.MapFile{Data: content}
		l, err := Load(files)
		if err != nil {
			require.Nil(t, l)
			return
		}
		again, err := Load(files)
		require.NoError(t, err)
		require.Equal(t, l.Digest, again.Digest)
		_, err = NewChecker(l).Check(Utterance{Text: "氵台湿疹最好吃"})
		require.NoError(t, err)
	})
}

// The tone has fourteen bits for a character.
func TestLoadRefusesTooManyCharacters(t *testing.T) {
	words := func(n int) fs.FS {
		files, list := small(), "class,word\nheal,治 治疗\n"
		for r := rune(0x4e00); r < 0x4e00+rune(n); r++ {
			list += fmt.Sprintf("heal,%c\n", r)
		}
		files["words.csv"].Data = []byte(list)
		return files
	}
	_, err := Load(words(16_000))
	require.NoError(t, err)
	_, err = Load(words(17_000))
	require.ErrorIs(t, err, &trace.Error{Code: trace.CodeTooLarge})
}

// A hit has ten bits for its class.
func TestLoadRefusesTooManyClasses(t *testing.T) {
	classes := func(n int) fs.FS {
		files, list := small(), "class,word\nheal,治 治疗\n"
		for i := range n {
			list += fmt.Sprintf("class%d,好\n", i)
		}
		files["words.csv"].Data = []byte(list)
		return files
	}
	_, err := Load(classes(900))
	require.NoError(t, err)
	_, err = Load(classes(1_100))
	require.ErrorIs(t, err, &trace.Error{Code: trace.CodeTooLarge})
	require.ErrorContains(t, err, "word classes")
}
