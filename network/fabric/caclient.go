package fabric

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-gateway/pkg/identity"
)

// caClient speaks Fabric CA's REST interface (fabric-ca swagger-fabric-ca.json):
// what fabric-ca-client does in "register" and "enroll".
type caClient struct {
	base   string
	secret string // the registrar's
	http   *http.Client
}

// caIdentity is what the CA gave out; it signs requests.
type caIdentity struct{ certPEM, keyPEM []byte }

// codeRegistered is Fabric CA's error code of a name that is taken.
const codeRegistered = 74

type caError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e caError) Error() string { return fmt.Sprintf("code %d: %s", e.Code, e.Message) }

func (c *caClient) enrolUser(admin caIdentity, name string, attributes map[string]string) (caIdentity, error) {
	if name == "" {
		return caIdentity{}, errors.New("an identity needs a name")
	}
	secret := rand.Text()
	if err := c.register(admin, name, secret, attributes); err != nil {
		return caIdentity{}, err
	}
	return c.enrol(name, secret)
}

// register makes the name known with its secret and attributes, or gives a name
// that is known new ones.
func (c *caClient) register(admin caIdentity, name, secret string, attributes map[string]string) error {
	type attribute struct {
		Name  string `json:"name"`
		Value string `json:"value"`
		ECert bool   `json:"ecert"` // in every certificate, unasked
	}
	var attrs []attribute
	for name, value := range attributes {
		attrs = append(attrs, attribute{name, value, true})
	}
	slices.SortFunc(attrs, func(a, b attribute) int { return strings.Compare(a.Name, b.Name) })
	identity := map[string]any{"id": name, "type": "client", "secret": secret, "affiliation": "", "attrs": attrs, "max_enrollments": -1}
	err := c.call(http.MethodPost, "/api/v1/register", identity, signedBy(admin), nil)
	var refused caError
	if errors.As(err, &refused) && refused.Code == codeRegistered {
		return c.call(http.MethodPut, "/api/v1/identities/"+url.PathEscape(name), identity, signedBy(admin), nil)
	}
	return err
}

// enrol makes a key and has it certified.
func (c *caClient) enrol(name, secret string) (caIdentity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return caIdentity{}, err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		return caIdentity{}, err
	}
	var answer struct{ Cert string }
	err = c.call(http.MethodPost, "/api/v1/enroll",
		map[string]any{"certificate_request": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request}))},
		func(r *http.Request, _ []byte) error { r.SetBasicAuth(name, secret); return nil }, &answer)
	if err != nil {
		return caIdentity{}, err
	}
	certPEM, err := base64.StdEncoding.DecodeString(answer.Cert)
	if err != nil {
		return caIdentity{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	return caIdentity{certPEM: certPEM, keyPEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})}, err
}

// signedBy authorises a request by a signature over method, path and body.
func signedBy(as caIdentity) func(*http.Request, []byte) error {
	return func(r *http.Request, body []byte) error {
		key, err := identity.PrivateKeyFromPEM(as.keyPEM)
		if err != nil {
			return err
		}
		sign, err := identity.NewPrivateKeySign(key)
		if err != nil {
			return err
		}
		certificate := base64.StdEncoding.EncodeToString(as.certPEM)
		digest := sha256.Sum256([]byte(strings.Join([]string{
			r.Method,
			base64.StdEncoding.EncodeToString([]byte(r.URL.RequestURI())),
			base64.StdEncoding.EncodeToString(body),
			certificate,
		}, ".")))
		signature, err := sign(digest[:])
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", certificate+"."+base64.StdEncoding.EncodeToString(signature))
		return nil
	}
}

func (c *caClient) call(method, path string, body any, authorise func(*http.Request, []byte) error, result any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, c.base+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if err := authorise(request, content); err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	var answer struct {
		Success bool
		Errors  []caError
		Result  json.RawMessage
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%s %s: %s: %.200q", method, path, response.Status, raw)
	}
	if !answer.Success {
		if len(answer.Errors) > 0 {
			return answer.Errors[0]
		}
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Result, result)
}
