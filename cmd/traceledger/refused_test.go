package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	quotedTerm = regexp.MustCompile("`([^`]+)`")
	codeTerm   = regexp.MustCompile(`^[A-Z][A-Z_]+$`)
)

// TestWhatIsRefusedNamesWhatThereIs keeps docs/what-is-refused.md to the tests, files
// and codes of this version.
func TestWhatIsRefusedNamesWhatThereIs(t *testing.T) {
	page, err := os.ReadFile("../../docs/what-is-refused.md")
	require.NoError(t, err)
	sources := map[string]string{} // folder → its Go files
	source := func(folder string) string {
		if text, read := sources[folder]; read {
			return text
		}
		files, err := filepath.Glob(filepath.Join("../..", folder, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files, "folder %s", folder)
		var all strings.Builder
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			all.Write(content)
		}
		sources[folder] = all.String()
		return sources[folder]
	}
	var codes strings.Builder
	for _, folder := range []string{"chaincode/trace", "gateway/api", "gateway/store", "gateway/ledger", "gateway/index", "gateway/archive", "gateway/wallet", "gateway/floor", "gateway/ingest/sheet", "gateway/ingest", "gateway/ingest/jt808", "gateway/ingest/segment", "scanner-api"} {
		codes.WriteString(source(folder))
	}
	var missing []string
	expect := func(in, text, what string) {
		if !strings.Contains(in, text) {
			missing = append(missing, what)
		}
	}
	rows := 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		rows++
		for _, term := range quotedTerm.FindAllStringSubmatch(line, -1) {
			folder, test, elsewhere := strings.Cut(term[1], " ")
			switch {
			case codeTerm.MatchString(term[1]):
				expect(codes.String(), `"`+term[1]+`"`, term[1])
				continue
			case strings.HasPrefix(term[1], "fixtures/"):
				_, err := os.Stat(filepath.Join("../..", term[1]))
				require.NoError(t, err)
				continue
			case !elsewhere || strings.HasPrefix(term[1], "Test"):
				folder, test = "cmd/traceledger", term[1]
			}
			parts := strings.Split(test, "/")
			expect(source(folder), "func "+parts[0]+"(", term[1])
			for _, name := range parts[1:] {
				expect(source(folder), `"`+name+`"`, term[1])
			}
		}
	}
	require.Empty(t, missing, "named on the page, and not there")
	require.Greater(t, rows, 40)
}
