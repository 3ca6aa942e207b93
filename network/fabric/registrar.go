package fabric

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// broadAttributes are the registrar's in the configuration of a CA that was made by a version
// before it was confined: it could make peers, administrators and other registrars.
var broadAttributes = regexp.MustCompile(`(?m)^( +)hf\.Registrar\.Roles: "\*"\n(?: +hf\..*\n)+`)

// registrarAttributes are those that fabric-ca-server-config.yaml gives, and those that it gave
// once without a value or "false", which takes them away.
var registrarAttributes = [...]struct{ name, value string }{
	{"hf.Registrar.Roles", "client"},
	{"hf.Registrar.Attributes", "trace.role,trace.party"},
	{"hf.Revoker", "true"},
	{"hf.GenCRL", "true"},
	{"hf.Registrar.DelegateRoles", ""},
	{"hf.AffiliationMgr", "false"},
}

// narrowRegistrar takes from a CA's registrar what one made by an earlier version may do
// beyond the present ones. The CA keeps identities in its database and reads its configuration for
// those that are new only, so the configuration tells whether it has been done: it is
// changed last. A registrar may be confined before that is – by an up that ended half way, by its
// operator – and may not set its own attributes any more (Fabric CA, lib/attr, canRegisterAttr).
func (n *Network) narrowRegistrar(mspID string) error {
	path := filepath.Join(n.nodeFolder(mspID+"/ca"), "fabric-ca-server-config.yaml")
	configuration, err := os.ReadFile(path)
	if err != nil || !broadAttributes.Match(configuration) {
		return err
	}
	client, err := n.caClient(mspID)
	if err != nil {
		return err
	}
	defer client.http.CloseIdleConnections()
	registrar, err := n.registrar(mspID, client)
	var has map[string]string
	if err == nil {
		has, err = client.attributesOf(registrar, registrarName)
	}
	switch roles, attributes := registrarAttributes[0], registrarAttributes[1]; {
	case err != nil:
	case has[roles.name] == roles.value && has[attributes.name] == attributes.value: // nothing is left to give up
	case !maySet(has[attributes.name], roles.name):
		n.logger.Warn("the registrar of an earlier version may not confine itself, and is left as it is",
			"msp", mspID, roles.name, has[roles.name], attributes.name, has[attributes.name])
		return nil
	default:
		err = client.narrow(registrar)
	}
	if err != nil {
		return fmt.Errorf("confine the registrar at the CA of %s: %w", mspID, err)
	}
	n.logger.Warn("the registrar of an earlier version is confined to clients and the contracts' attributes", "msp", mspID)
	return replaceFile(path, narrowed(configuration))
}

// attributesOf is what an identity has, by name.
func (c *caClient) attributesOf(registrar caIdentity, name string) (map[string]string, error) {
	var kept struct {
		Attributes []struct{ Name, Value string } `json:"attrs"`
	}
	err := c.call(http.MethodGet, "/api/v1/identities/"+url.PathEscape(name), nil, signedBy(registrar), &kept)
	attributes := map[string]string{}
	for _, a := range kept.Attributes {
		attributes[a.Name] = a.Value
	}
	return attributes, err
}

// maySet tells whether hf.Registrar.Attributes allows an attribute: names and beginnings with *,
// by commas.
func maySet(allowed, attribute string) bool {
	return slices.ContainsFunc(strings.Split(allowed, ","), func(pattern string) bool {
		pattern = strings.TrimSpace(pattern)
		beginning, any := strings.CutSuffix(pattern, "*")
		return pattern == attribute || any && strings.HasPrefix(attribute, beginning)
	})
}

// narrow has the registrar give up its own attributes.
func (c *caClient) narrow(registrar caIdentity) error {
	var attributes []map[string]string
	for _, a := range registrarAttributes {
		attributes = append(attributes, map[string]string{"name": a.name, "value": a.value})
	}
	return c.call(http.MethodPut, "/api/v1/identities/"+url.PathEscape(registrarName), map[string]any{"attrs": attributes}, signedBy(registrar), nil)
}

// narrowed is a configuration with the present attributes.
func narrowed(configuration []byte) []byte {
	var lines strings.Builder
	for _, a := range registrarAttributes {
		if a.value != "" && a.value != "false" {
			fmt.Fprintf(&lines, "${1}%s: %s\n", a.name, a.value)
		}
	}
	return broadAttributes.ReplaceAll(configuration, []byte(lines.String()))
}
