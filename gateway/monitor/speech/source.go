package speech

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"traceledger/chaincode/trace"
)

// Limits of a lexicon's files.
const (
	maxFileSize = 4 << 20
	maxRows     = 50_000
	maxCell     = 1200 // bytes
)

// row says where a record stands.
type row struct {
	file    string
	line    int
	columns []string
}

func (r row) where() string { return fmt.Sprintf("%s:%d", r.file, r.line) }

// refuse makes the error for a column of the row, Chinese first.
func (r row) refuse(code trace.Code, column int, chinese, english string, args ...any) error {
	name := ""
	if column < len(r.columns) {
		name = r.columns[column]
	}
	place := fmt.Sprintf("%s 第 %d 行 %s 列 (%s line %d column %s): ", r.file, r.line, name, r.file, r.line, name)
	return trace.Errorf(code, "%s%s (%s)", place, fmt.Sprintf(chinese, args...), fmt.Sprintf(english, args...))
}

type sourceWord struct {
	row         row
	class, text string
}

type sourceFold struct {
	row      row
	from, to string
	how      Evasion
}

type sourceTone struct {
	row    row
	run    string // symbols as the folder writes them
	weight int32
}

type pattern struct {
	row  row
	text string
}

// source is a lexicon read and well formed.
type source struct {
	version  string
	digest   trace.Digest
	simple   map[rune]rune
	alike    map[rune]rune
	sounds   map[rune]string
	emoji    map[rune]string
	folds    []sourceFold
	words    []sourceWord
	terms    []Term
	termRows []row
	rules    []Rule
	patterns []pattern
	tones    []sourceTone
	bias     int32
}

// tables are the files of a lexicon beside terms-*.csv, with their columns.
var tables = []struct {
	file    string
	columns []string
	row     func(*source, row, []string) error
}{
	{"traditional.csv", []string{"traditional", "simplified"}, func(s *source, r row, c []string) error { return pair(s.simple, r, c) }},
	{"lookalike.csv", []string{"lookalike", "character"}, func(s *source, r row, c []string) error { return pair(s.alike, r, c) }},
	{"sounds.csv", []string{"character", "syllable"}, (*source).addSound},
	{"folds.csv", []string{"from", "to", "evasion"}, (*source).addFold},
	{"words.csv", []string{"class", "word"}, (*source).addWord},
	{"rules.csv", []string{"id", "pattern", "article", "finding", "product", "level", "condition", "example"}, (*source).addRule},
	{"tone.csv", []string{"run", "weight"}, (*source).addTone},
}

var termColumns = []string{"term", "article", "finding", "product", "level", "condition", "example"}

func read(files fs.FS) (*source, error) {
	s := &source{simple: map[rune]rune{}, alike: map[rune]rune{}, sounds: map[rune]string{}, emoji: map[rune]string{}}
	version, err := readFile(files, "VERSION")
	if err != nil {
		return nil, err
	}
	s.version = strings.TrimSpace(string(version))
	if s.version == "" || len(s.version) > 40 || strings.ContainsAny(s.version, " \n\t") {
		return nil, trace.Errorf(trace.CodeInvalid, "VERSION: 应为一行无空格的版本号 (must be one version without spaces)")
	}
	canonical := sha256.New()
	io.WriteString(canonical, s.version+"\n")
	for _, t := range tables {
		if err := s.table(files, t.file, t.columns, t.row, canonical); err != nil {
			return nil, err
		}
	}
	names, err := fs.Glob(files, "terms-*.csv")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil, trace.Errorf(trace.CodeMissing, "没有 terms-*.csv (no file terms-*.csv)")
	}
	for _, name := range names {
		if err := s.table(files, name, termColumns, (*source).addTerm, canonical); err != nil {
			return nil, err
		}
	}
	s.digest = trace.Digest(canonical.Sum(nil))
	return s, nil
}

func readFile(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, trace.Errorf(trace.CodeMissing, "缺少 %s (%s is missing)", name, name)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var buffer bytes.Buffer
	if info, err := f.Stat(); err == nil && info.Size() < maxFileSize {
		buffer.Grow(int(info.Size()) + bytes.MinRead)
	}
	if _, err := buffer.ReadFrom(io.LimitReader(f, maxFileSize+1)); err != nil {
		return nil, err
	}
	content := buffer.Bytes()
	if len(content) > maxFileSize {
		return nil, trace.Errorf(trace.CodeTooLarge, "%s 超过 %d 字节 (%s is larger than %d bytes)", name, maxFileSize, name, maxFileSize)
	}
	if !utf8.Valid(content) {
		return nil, trace.Errorf(trace.CodeMalformed, "%s 不是 UTF-8 (%s is not UTF-8)", name, name)
	}
	return content, nil
}

// table reads one file. Its canonical form is its name and its records as JSON arrays,
// one a line: quoting and line ends are not content.
func (s *source) table(files fs.FS, name string, columns []string, add func(*source, row, []string) error, canonical io.Writer) error {
	content, err := readFile(files, name)
	if err != nil {
		return err
	}
	reader := csv.NewReader(bytes.NewReader(content))
	reader.FieldsPerRecord = len(columns)
	head, err := reader.Read()
	if err != nil || !slices.Equal(head, columns) {
		return trace.Errorf(trace.CodeMalformed, "%s 第 1 行: 表头应为 %s (%s line 1: the header must be so)", name, strings.Join(columns, ","), name)
	}
	io.WriteString(canonical, name+"\n")
	encoder := json.NewEncoder(canonical)
	encoder.SetEscapeHTML(false)
	for n := 0; ; n++ {
		record, err := reader.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return trace.Errorf(trace.CodeMalformed, "%s: 不是规定的 CSV (not the CSV expected): %v", name, err)
		}
		line, _ := reader.FieldPos(0)
		r := row{name, line, columns}
		if n == maxRows {
			return r.refuse(trace.CodeTooLarge, 0, "超过 %d 行", "more than %d rows", maxRows)
		}
		for i, cell := range record {
			if len(cell) > maxCell {
				return r.refuse(trace.CodeTooLarge, i, "超过 %d 字节", "longer than %d bytes", maxCell)
			}
			if cell != strings.TrimSpace(cell) {
				return r.refuse(trace.CodeInvalid, i, "前后有空格", "spaces around %q", cell)
			}
		}
		if err := add(s, r, record); err != nil {
			return err
		}
		if err := encoder.Encode(record); err != nil {
			return err
		}
	}
}

// pair takes a row of two single characters.
func pair(to map[rune]rune, r row, cells []string) error {
	for i, c := range cells {
		if utf8.RuneCountInString(c) != 1 {
			return r.refuse(trace.CodeInvalid, i, "%q 应为一个字", "%q must be one character", c)
		}
	}
	from, _ := utf8.DecodeRuneInString(cells[0])
	character, _ := utf8.DecodeRuneInString(cells[1])
	if _, ok := to[from]; ok {
		return r.refuse(trace.CodeAlreadyExists, 0, "%q 重复", "%q twice", cells[0])
	}
	to[from] = character
	return nil
}

func (s *source) addSound(r row, cells []string) error {
	character, size := utf8.DecodeRuneInString(cells[0])
	if size != len(cells[0]) || size == 0 {
		return r.refuse(trace.CodeInvalid, 0, "%q 应为一个字", "%q must be one character", cells[0])
	}
	for _, c := range cells[1] {
		if c < 'a' || c > 'z' {
			return r.refuse(trace.CodeInvalid, 1, "%q 不是拼音", "%q is no syllable", cells[1])
		}
	}
	if cells[1] == "" || len(cells[1]) > longestSyllable {
		return r.refuse(trace.CodeInvalid, 1, "%q 不是拼音", "%q is no syllable", cells[1])
	}
	if s.sounds[character] != "" {
		return r.refuse(trace.CodeAlreadyExists, 0, "%q 重复", "%q twice", cells[0])
	}
	s.sounds[character] = cells[1]
	return nil
}

func (s *source) addFold(r row, cells []string) error {
	how, ok := evasionOf(cells[2])
	if !ok {
		return r.refuse(trace.CodeInvalid, 2, "没有变形 %q", "no evasion %q", cells[2])
	}
	for i, c := range cells[:2] {
		if c == "" {
			return r.refuse(trace.CodeMissing, i, "不能为空", "may not be empty")
		}
	}
	if how == Emoji {
		sign, size := utf8.DecodeRuneInString(cells[0])
		if size != len(cells[0]) {
			return r.refuse(trace.CodeInvalid, 0, "%q 应为一个符号", "%q must be one sign", cells[0])
		}
		if s.emoji[sign] != "" {
			return r.refuse(trace.CodeAlreadyExists, 0, "%q 重复", "%q twice", cells[0])
		}
		s.emoji[sign] = cells[1]
		return nil
	}
	s.folds = append(s.folds, sourceFold{r, cells[0], cells[1], how})
	return nil
}

func (s *source) addWord(r row, cells []string) error {
	for i, c := range cells {
		if c == "" {
			return r.refuse(trace.CodeMissing, i, "不能为空", "may not be empty")
		}
	}
	for _, word := range strings.Fields(cells[1]) {
		s.words = append(s.words, sourceWord{r, cells[0], word})
	}
	return nil
}

func (s *source) addRule(r row, c []string) error {
	products, err := legal(r, c, 2, 3, 4, 5, 7)
	if err != nil {
		return err
	}
	if Condition(c[6]) != Always && Condition(c[6]) != Tone {
		return r.refuse(trace.CodeInvalid, 6, "没有条件 %q", "no condition %q", c[6])
	}
	for _, other := range s.rules {
		if other.ID == c[0] {
			return r.refuse(trace.CodeAlreadyExists, 0, "规则 %q 重复", "rule %q twice", c[0])
		}
	}
	if c[0] == "" {
		return r.refuse(trace.CodeMissing, 0, "不能为空", "may not be empty")
	}
	s.rules = append(s.rules, Rule{ID: c[0], Article: c[2], Finding: c[3], Products: products, Level: Level(c[5]), Condition: Condition(c[6]), Example: c[7]})
	s.patterns = append(s.patterns, pattern{r, c[1]})
	return nil
}

// toneBias is the run that stands for what every utterance has.
const toneBias = "bias"

func (s *source) addTone(r row, cells []string) error {
	weight, err := strconv.ParseInt(cells[1], 10, 32)
	if err != nil || weight < -1e6 || weight > 1e6 {
		return r.refuse(trace.CodeInvalid, 1, "权重 %q 应为整数", "weight %q must be a whole number", cells[1])
	}
	if cells[0] == toneBias {
		s.bias = int32(weight)
		return nil
	}
	s.tones = append(s.tones, sourceTone{r, cells[0], int32(weight)})
	return nil
}

func (s *source) addTerm(r row, c []string) error {
	products, err := legal(r, c, 1, 2, 3, 4, 6)
	if err != nil {
		return err
	}
	if c[0] == "" {
		return r.refuse(trace.CodeMissing, 0, "不能为空", "may not be empty")
	}
	switch Condition(c[5]) {
	case Always, Cure, Scope, Label, Tone:
	default:
		return r.refuse(trace.CodeInvalid, 5, "没有条件 %q", "no condition %q", c[5])
	}
	id := c[2] + "-" + trace.DigestOf([]byte(c[0])).String()[:8]
	s.terms = append(s.terms, Term{ID: id, Text: c[0], Article: c[1], Finding: c[2], Products: products, Level: Level(c[4]), Condition: Condition(c[5]), Example: c[6]})
	s.termRows = append(s.termRows, r)
	return nil
}

var laws = []string{"广告法第", "食品安全法第", "价格法第", "商标法第", "化妆品监督管理条例第"}

// legal checks the cells that terms and rules share.
func legal(r row, c []string, article, finding, product, level, example int) (products []string, err error) {
	if !slices.ContainsFunc(laws, func(law string) bool { return strings.HasPrefix(c[article], law) }) || !strings.Contains(c[article], "条") {
		return nil, r.refuse(trace.CodeInvalid, article, "条款 %q 应为法律名加第几条", "article %q must be law and article", c[article])
	}
	if !slices.Contains(Findings, c[finding]) {
		return nil, r.refuse(trace.CodeInvalid, finding, "没有类别 %q", "no finding %q", c[finding])
	}
	if c[product] != "any" {
		for _, p := range strings.Split(c[product], "|") {
			if !slices.Contains(Categories, p) || slices.Contains(products, p) {
				return nil, r.refuse(trace.CodeInvalid, product, "没有品类 %q", "no product category %q", p)
			}
			products = append(products, p)
		}
	}
	switch Level(c[level]) {
	case LevelHint, LevelMinor, LevelSerious:
	default:
		return nil, r.refuse(trace.CodeInvalid, level, "没有级别 %q", "no level %q", c[level])
	}
	if c[example] == "" {
		return nil, r.refuse(trace.CodeMissing, example, "缺少例句", "an example is missing")
	}
	return products, nil
}
