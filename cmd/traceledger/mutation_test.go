package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMutationOfEverySync replaces each sync on the durability path by nothing, one
// at a time, and demands that the package's crash tests notice. A sync that no test
// misses is either useless or untested; both are defects.
func TestMutationOfEverySync(t *testing.T) {
	for _, dir := range []string{"../../network/embedded", "../../gateway/store", "../../gateway/wallet", "../../gateway/ingest/segment"} {
		sites, err := syncSites(dir)
		require.NoError(t, err)
		require.NotEmpty(t, sites, "%s makes nothing durable", dir)
		for _, site := range sites {
			t.Run(site.name(), func(t *testing.T) {
				output, err := site.crashTest(t.TempDir())
				var failed *exec.ExitError
				require.True(t, errors.As(err, &failed), "without the sync at %s the crash tests still pass:\n%s", site.name(), output)
				require.NotContains(t, output, "build failed", "the mutation does not compile")
				require.NotContains(t, output, "no tests to run")
			})
		}
	}
}

// syncSite is one place where the source asks the disk to keep something.
type syncSite struct {
	file        string
	line        int
	begin, end  int // byte range to replace
	replacement string
	source      []byte
}

func (s syncSite) name() string {
	return fmt.Sprintf("%s/%s:%d", filepath.Base(filepath.Dir(s.file)), filepath.Base(s.file), s.line)
}

// syncSites finds pebble.Sync and calls of Sync() in a package's own source.
func syncSites(dir string) ([]syncSite, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var sites []syncSite
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, file, source, 0)
		if err != nil {
			return nil, err
		}
		add := func(n ast.Node, replacement string) {
			position := set.Position(n.Pos())
			sites = append(sites, syncSite{file, position.Line, position.Offset, set.Position(n.End()).Offset, replacement, source})
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if called, ok := n.Fun.(*ast.SelectorExpr); ok && called.Sel.Name == "Sync" && len(n.Args) == 0 {
					add(n, "error(nil)")
					return false
				}
			case *ast.SelectorExpr:
				if of, ok := n.X.(*ast.Ident); ok && of.Name == "pebble" && n.Sel.Name == "Sync" {
					add(n, "pebble.NoSync")
				}
			}
			return true
		})
	}
	return sites, nil
}

// crashTest runs the package's crash tests with the site mutated. The work tree is
// not touched: the build overlays the one file.
func (s syncSite) crashTest(scratch string) (output string, err error) {
	mutated := filepath.Join(scratch, filepath.Base(s.file))
	content := bytes.Join([][]byte{s.source[:s.begin], []byte(s.replacement), s.source[s.end:]}, nil)
	if err := os.WriteFile(mutated, content, 0o600); err != nil {
		return "", err
	}
	original, err := filepath.Abs(s.file)
	if err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(scratch, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	out, err := exec.Command("go", "test", "-overlay", list, "-run", "Crash", "-count", "1", "-failfast", filepath.Dir(original)).CombinedOutput()
	return string(out), err
}
