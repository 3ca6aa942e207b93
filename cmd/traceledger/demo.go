package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/api"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
)

// runDemo runs the whole house and loads the demonstration: the files of fixtures/,
// each uploaded through the public interface by whoever would upload it.
func runDemo(ctx context.Context, args []string, out io.Writer) error {
	cfg, err := readConfig("run", args, nil)
	if err != nil {
		return err
	}
	if err := demoFloor(&cfg); err != nil {
		return err
	}
	return serve(ctx, cfg, out, func(ctx context.Context, n *node, base string) error {
		return loadDemo(ctx, n, base, out)
	})
}

// loadDemo uploads the demonstration and prints what to open. Loading again, after
// any interruption, adds only what is missing.
func loadDemo(ctx context.Context, n *node, base string, out io.Writer) error {
	demo, err := fixtures.ReadDemo(fixtures.Files())
	if err != nil {
		return err
	}
	signIns, err := n.sampleSignIns(demo)
	if err != nil {
		return err
	}
	visitor := &uploader{base: base, files: fixtures.Files(), tokens: signIns, client: &http.Client{Timeout: 2 * time.Minute}, patience: demoPatience(n.engine), logger: n.logger}
	for _, u := range demo.Uploads {
		if u.AwaitMonitors {
			if err := n.watched(ctx); err != nil {
				return err
			}
		}
		if err := visitor.persist(ctx, func() error { return visitor.upload(ctx, u) }); err != nil {
			return fmt.Errorf("%s by %s: %w", u.File, u.Party, err)
		}
	}
	if err := n.watched(ctx); err != nil {
		return err
	}
	if err := visitor.play(ctx, demo.Live); err != nil {
		return fmt.Errorf("stream %s: %w", demo.Live.Stream, err)
	}
	for i, c := range demo.Claims {
		if err := visitor.claim(ctx, demo.Live, c); err != nil {
			return fmt.Errorf("claim %d: %w", i+1, err)
		}
	}
	if err := n.watched(ctx); err != nil {
		return err
	}
	if err := n.caughtUp(ctx); err != nil { // with what the monitors have said
		return err
	}
	if err := visitor.judged(ctx, demo); err != nil {
		return err
	}
	for _, lot := range demo.Lots {
		address, err := visitor.firstCode(ctx, demo, lot)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "scan %s %s\n", lot.Lot, address)
	}
	fmt.Fprintf(out, "desk %s/desk  (one page for each role; sign in with a token below)\n", base)
	for _, id := range demo.Identities {
		fmt.Fprintf(out, "sign-in %-17s %-21s %s  %s %s\n", id.Role, id.Party, signIns[who{id.Party, id.Role}], id.Title, id.TitleEnglish)
	}
	fmt.Fprintf(out, "api %s/v1/openapi.json\n", base)
	return nil
}

// watched waits until the monitors have judged everything that is on the chain.
func (n *node) watched(ctx context.Context) error {
	if err := n.caughtUp(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, playTime)
	defer cancel()
	return n.monitors.level(ctx, n.index.Height())
}

// demoPatience is how long what was refused is tried again. Loading adds only what is missing,
// so a refusal that was a slow machine's, whose pages show a record later or whose peers lie behind
// each other, is got over; what the files do wrong is told a little later for it.
func demoPatience(on engine) time.Duration {
	if on.OneProcess() {
		return 10 * time.Second
	}
	return 2 * time.Minute
}

// demoMonitors are the monitors of the demonstration: all, as the monitoring centre that
// its pages name.
func demoMonitors() Monitors { return Monitors{Run: []string{"all"}, Party: "monitor-demo-01"} }

// who names a sample sign-in.
type who struct {
	party trace.PartyID
	role  trace.Role
}

// sampleSignIns makes one token for each identity of the demonstration, once: the
// tokens are kept beside the data, readable by their owner only, because the store
// itself keeps but their hashes.
func (n *node) sampleSignIns(demo *fixtures.Demo) (map[who]string, error) {
	path := filepath.Join(n.cfg.Data, "sample-sign-ins.json")
	kept := map[string]string{}
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, &kept)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out := map[who]string{}
	for _, id := range demo.Identities {
		name := string(id.Party) + "@" + string(id.Role)
		if kept[name] == "" || !n.accepted(kept[name]) {
			if kept[name], err = n.issueToken(name, id.Role, id.Party, 365*24*time.Hour); err != nil {
				return nil, err
			}
		}
		out[who{id.Party, id.Role}] = kept[name]
	}
	if content, err = json.MarshalIndent(kept, "", "  "); err != nil {
		return nil, err
	}
	return out, os.WriteFile(path, content, 0o600)
}

func (n *node) accepted(token string) bool {
	_, err := n.store.Tokens().Authenticate(token)
	return err == nil
}

// uploader is a person with files and a sign-in, at the public interface.
type uploader struct {
	base   string
	files  fs.FS
	tokens map[who]string
	client *http.Client

	patience time.Duration
	logger   *slog.Logger
}

// errForGood is a refusal that stays.
var errForGood = errors.New("an empty directory is needed: make run DATA=dir")

// persist tries again what failed, for as long as the uploader has patience.
func (u *uploader) persist(ctx context.Context, do func() error) error {
	var failed time.Time // first
	for {
		err := do()
		if failed.IsZero() {
			failed = time.Now()
		}
		if err == nil || errors.Is(err, errForGood) || time.Since(failed) >= u.patience {
			return err
		}
		u.logger.Warn("trying again", "error", err)
		if pause(ctx, 500*time.Millisecond) != nil {
			return err
		}
	}
}

// upload sends the attachments, lets the sheet be read, and confirms it.
func (u *uploader) upload(ctx context.Context, up fixtures.Upload) error {
	token := u.tokens[who{up.Party, up.Role}]
	query := url.Values{"name": {path.Base(up.File)}, "kind": {up.Kind}}
	for _, attachment := range up.Attachments {
		var kept api.FileKept
		if err := u.post(ctx, token, "/v1/files", attachment, http.StatusCreated, &kept); err != nil {
			return err
		}
		query.Add("file", path.Base(attachment)+"="+kept.Hash)
	}
	var plan api.SheetPlan
	if err := u.post(ctx, token, "/v1/sheets?"+query.Encode(), up.File, http.StatusOK, &plan); err != nil {
		return err
	}
	if len(plan.RowErrors) > 0 {
		return fmt.Errorf("%d row errors, the first: %s", len(plan.RowErrors), plan.RowErrors[0].Error())
	}
	var result api.SheetResult
	if err := u.post(ctx, token, "/v1/sheets/"+plan.Hash+"/confirmation?"+query.Encode(), "", http.StatusOK, &result); err != nil {
		return err
	}
	for _, row := range result.Rows {
		if row.Refused != nil && row.Refused.Code == trace.CodeAlreadyExists {
			return fmt.Errorf("%s row %d: the chain holds this record with other content (%s); records are never edited, so for a changed file %w", row.Sheet, row.Row, row.Refused.Detail, errForGood)
		}
		if row.Refused != nil {
			return fmt.Errorf("%s row %d: %s: %s", row.Sheet, row.Row, row.Refused.Code, row.Refused.Detail)
		}
	}
	return nil
}

// post sends a file, or nothing, and reads the JSON answer.
func (u *uploader) post(ctx context.Context, token, route, file string, want int, into any) error {
	var content []byte
	if file != "" {
		var err error
		if content, err = fs.ReadFile(u.files, file); err != nil {
			return err
		}
	}
	answer, status, err := u.call(ctx, token, http.MethodPost, route, content)
	if err != nil {
		return err
	}
	if status != want {
		return fmt.Errorf("POST %s: %d %s", route, status, answer)
	}
	return json.Unmarshal(answer, into)
}

func (u *uploader) call(ctx context.Context, token, method, route string, content []byte) ([]byte, int, error) {
	request, err := http.NewRequestWithContext(ctx, method, u.base+route, bytes.NewReader(content))
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := u.client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return answer, response.StatusCode, err
}

// firstCode is the address on the first pack of a lot, as printed on its label.
func (u *uploader) firstCode(ctx context.Context, demo *fixtures.Demo, lot fixtures.Lot) (string, error) {
	for _, id := range demo.Identities {
		if trace.MSPOf(id.Role) != trace.ProducerMSP {
			continue
		}
		answer, status, err := u.call(ctx, u.tokens[who{id.Party, id.Role}], http.MethodGet, "/v1/code-packs/"+string(lot.Pack)+"/codes?first=1&last=1", nil)
		if err != nil {
			return "", err
		}
		if status != http.StatusOK {
			continue // another producer's pack
		}
		rows, err := csv.NewReader(bytes.NewReader(answer)).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[1]) < 3 {
			return "", fmt.Errorf("codes of pack %s: %q: %w", lot.Pack, answer, err)
		}
		return rows[1][2], nil
	}
	return "", fmt.Errorf("no producer of the demonstration owns pack %s", lot.Pack)
}

// caughtUp waits until the read model shows everything that is on the chain.
func (n *node) caughtUp(ctx context.Context) error {
	return caughtUp(ctx, n.ledger, n.reader, n.index, n.logger)
}

// caughtUp waits until x shows everything that is on the chain now, also for a ledger
// that is not up yet.
func caughtUp(ctx context.Context, from *ledger.Client, reader ledger.Identity, x *index.Index, logger *slog.Logger) error {
	var height uint64
	err := reach(ctx, logger, func() (err error) {
		height, err = from.Height(ctx, reader)
		return err
	})
	if err != nil || height == 0 {
		return err
	}
	return x.WaitFor(ctx, height-1)
}
