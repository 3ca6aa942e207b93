package desk_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/api/apitest"
	"traceledger/gateway/desk"
	"traceledger/gateway/index"
)

// house is the running desk with everybody of the demonstration able to sign in.
type house struct {
	*apitest.House
	demo   *fixtures.Demo
	tokens map[string]string // by "party@role"
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{tokens: map[string]string{}}
	ledger := contracttest.Open(t)
	regulator := ledger.Enrol(trace.RoleRegulator, "regulator-demo-01")
	regulator.Must("registry:TouchEpoch", &trace.TouchEpochRequest{Number: 1})
	for _, msp := range trace.MSPs() {
		regulator.Must("registry:InstallGuard", &trace.InstallGuardRequest{MSP: msp, Version: 1})
	}
	h.House = apitest.StartOn(t, ledger, func(h *apitest.House, r *gin.Engine) {
		desks, err := desk.New(desk.Config{API: h.API, Index: h.Index, Store: h.Store, PublicBase: h.Base})
		require.NoError(t, err)
		r.Any("/desk", gin.WrapH(desks))
		r.Any("/desk/*page", gin.WrapH(desks))
	})
	var err error
	h.demo, err = fixtures.ReadDemo(fixtures.Files())
	require.NoError(t, err)
	// No monitor runs here, so nobody gives the verdicts that such a file names.
	h.demo.Uploads = slices.DeleteFunc(h.demo.Uploads, func(u fixtures.Upload) bool { return u.AwaitMonitors })
	for _, id := range h.demo.Identities {
		h.tokens[string(id.Party)+"@"+string(id.Role)] = h.Token(id.Role, id.Party)
	}
	return h
}

// person is a browser without scripts.
type person struct {
	t      *testing.T
	base   string
	role   trace.Role
	client *http.Client
	page   string // the last page
	status int
	header http.Header
}

func (h *house) visitor(t *testing.T) *person {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &person{t: t, base: h.Base, client: &http.Client{Jar: jar}}
}

func (h *house) signedIn(t *testing.T, party trace.PartyID, role trace.Role) *person {
	t.Helper()
	p := h.visitor(t)
	p.role = role
	p.get("/desk")
	token := h.tokens[string(party)+"@"+string(role)]
	require.NotEmpty(t, token, "%s@%s", party, role)
	p.post("/desk/sign-in", url.Values{"csrf": {p.field("csrf")}, "token": {token}})
	require.Equal(t, http.StatusOK, p.status, p.page)
	require.Contains(t, p.page, string(party))
	return p
}

func (p *person) do(request *http.Request) {
	p.t.Helper()
	response, err := p.client.Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	p.page, p.status, p.header = string(body), response.StatusCode, response.Header
}

func (p *person) get(address string) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.base+address, nil)
	require.NoError(p.t, err)
	p.do(request)
}

func (p *person) post(address string, values url.Values) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.base+address, strings.NewReader(values.Encode()))
	require.NoError(p.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	p.do(request)
}

// send posts a multipart form: the session's proof first, as the page has it, then
// fields, then files.
func (p *person) send(address string, values url.Values, files ...attachment) {
	p.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if values.Has("csrf") {
		require.NoError(p.t, w.WriteField("csrf", values.Get("csrf")))
	}
	for name, given := range values {
		for _, value := range given {
			if name != "csrf" {
				require.NoError(p.t, w.WriteField(name, value))
			}
		}
	}
	for _, f := range files {
		part, err := w.CreateFormFile(f.field, f.name)
		require.NoError(p.t, err)
		_, err = part.Write(f.data)
		require.NoError(p.t, err)
	}
	require.NoError(p.t, w.Close())
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.base+address, &body)
	require.NoError(p.t, err)
	request.Header.Set("Content-Type", w.FormDataContentType())
	p.do(request)
}

type attachment struct {
	field, name string
	data        []byte
}

func fixture(t *testing.T, field, file string) attachment {
	t.Helper()
	data, err := fs.ReadFile(fixtures.Files(), file)
	require.NoError(t, err)
	return attachment{field, path.Base(file), data}
}

// field is the value of a hidden field of the page.
func (p *person) field(name string) string {
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.page)
	if found == nil {
		return ""
	}
	return unescape(found[1])
}

// again is the form the page offers to send again.
func (p *person) again() url.Values {
	p.t.Helper()
	_, form, found := strings.Cut(p.page, `<form id="again"`)
	require.True(p.t, found, p.page)
	form, _, _ = strings.Cut(form, "</form>")
	values := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(form, -1) {
		values.Add(unescape(m[1]), unescape(m[2]))
	}
	return values
}

func unescape(s string) string {
	return strings.NewReplacer("&#43;", "+", "&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}

// upload sends a sheet and shows its dry run.
func (p *person) upload(up fixtures.Upload) {
	p.t.Helper()
	address := fmt.Sprintf("/desk/%s/upload/%s", p.role, up.Kind)
	p.get(address)
	files := []attachment{fixture(p.t, "file:sheet", up.File)}
	for _, a := range up.Attachments {
		files = append(files, fixture(p.t, "file:attachments", a))
	}
	p.send(address, url.Values{"csrf": {p.field("csrf")}, "do": {"check"}}, files...)
}

// confirm confirms what the page has dry run.
func (p *person) confirm(address string) {
	p.t.Helper()
	values := p.again()
	values.Set("do", "confirm")
	p.send(address, values)
}

// loadDemo records the demonstration through the desks, everybody at their own.
func (h *house) loadDemo(t *testing.T) {
	for _, up := range h.demo.Uploads {
		p := h.signedIn(t, up.Party, up.Role)
		p.upload(up)
		require.Equal(t, http.StatusOK, p.status, "%s: %s", up.File, p.page)
		require.Contains(t, p.page, "可以记录，请核对后确认", up.File)
		p.confirm("/desk/" + string(up.Role) + "/upload/" + up.Kind)
		require.Contains(t, p.page, "全部已在账本上", "%s: %s", up.File, p.page)
	}
}

func TestTheDemonstrationGoesThroughTheDesks(t *testing.T) {
	h := open(t)
	h.loadDemo(t)
	farm := h.signedIn(t, "farm-pujiang-01", trace.RoleFarm)
	require.Contains(t, farm.page, "登记批次")
	require.Contains(t, farm.page, "PJ261018-A")

	// Every record has a page of its own, that of a segment with a breach too, and what it
	// offers to open is there.
	shown, files := 0, map[string]bool{}
	for cursor, next := "", "-"; next != ""; cursor = next {
		records, more, err := h.Index.List(index.ListQuery{Cursor: cursor})
		require.NoError(t, err)
		for _, rec := range records {
			farm.get((&url.URL{Path: "/desk/record/" + string(rec.Key)}).EscapedPath())
			require.Equal(t, http.StatusOK, farm.status, rec.Key)
			shown++
			for _, link := range regexp.MustCompile(`href="(/desk/file/[^"]*)"`).FindAllStringSubmatch(farm.page, -1) {
				files[link[1]] = true
			}
		}
		next = more
	}
	require.Greater(t, shown, 100)
	require.Greater(t, len(files), 5)
	for address := range files {
		farm.get(address)
		require.Equal(t, http.StatusOK, farm.status, address)
	}
}
