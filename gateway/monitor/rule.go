package monitor

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"traceledger/chaincode/trace"
)

// Threshold is one number that a check judges by.
type Threshold struct {
	Value int64  `yaml:"value"`
	Unit  string `yaml:"unit"`
	About string `yaml:"about"`
	// Source says where the value comes from; Law whether it is binding.
	Source string `yaml:"source"`
	Law    bool   `yaml:"law"`
}

// RuleFile is a version of a monitor's rule as a file. Its SHA-256 goes on the chain, so
// a changed file needs a new version.
type RuleFile struct {
	Monitor     string               `yaml:"monitor"`
	Version     string               `yaml:"version"`
	Description string               `yaml:"description"` // goes on the chain
	Thresholds  map[string]Threshold `yaml:"thresholds"`
	// Tables are further named data, each value with its source.
	Tables map[string]map[string]Threshold `yaml:"tables"`
	// Words are named lists of terms, each list with its source.
	Words map[string]WordList `yaml:"words"`
}

// WordList is a list of terms.
type WordList struct {
	Source string   `yaml:"source"`
	Terms  []string `yaml:"terms"`
}

// ReadRule reads a rule file and puts every threshold where the check wants it: numbers
// names them all. A file that lacks one, has one that nobody reads, or gives one without
// unit, purpose or source is refused.
func ReadRule(content []byte, numbers map[string]*int64) (Rule, *RuleFile, error) {
	var f RuleFile
	if err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(&f); err != nil {
		return Rule{}, nil, fmt.Errorf("rule file: %w", err)
	}
	var wrong []string
	for name, into := range numbers {
		t, found := f.Thresholds[name]
		if !found {
			wrong = append(wrong, name+" is missing")
			continue
		}
		*into = t.Value
	}
	for name, t := range f.Thresholds {
		if numbers[name] == nil {
			wrong = append(wrong, name+" is read by nobody")
		}
		wrong = append(wrong, t.lacks(name)...)
	}
	for table, rows := range f.Tables {
		for name, t := range rows {
			wrong = append(wrong, t.lacks(table+"/"+name)...)
		}
	}
	for name, list := range f.Words {
		if list.Source == "" || len(list.Terms) == 0 {
			wrong = append(wrong, name+" lacks source or terms")
		}
	}
	if len(wrong) > 0 || f.Monitor == "" || f.Version == "" || f.Description == "" {
		slices.Sort(wrong)
		return Rule{}, nil, trace.Errorf(trace.CodeInvalid, "rule file of monitor %q, version %q: %s", f.Monitor, f.Version, strings.Join(wrong, "; "))
	}
	return Rule{Monitor: f.Monitor, Version: f.Version, Description: f.Description, Content: content}, &f, nil
}

func (t Threshold) lacks(name string) []string {
	if t.Unit == "" || t.About == "" || t.Source == "" {
		return []string{name + " lacks unit, about or source"}
	}
	return nil
}
