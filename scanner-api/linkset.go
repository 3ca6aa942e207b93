package scanner

import "encoding/json"

// gs1Vocabulary is where GS1 link types are defined.
const gs1Vocabulary = "https://ref.gs1.org/voc/"

// target is one link (RFC 9264, 4.2).
type target struct {
	Href     string   `json:"href"`
	Title    string   `json:"title,omitempty"`
	Type     string   `json:"type,omitempty"`
	Language []string `json:"hreflang,omitempty"`
}

// linkset lists what there is about an address: the page in two languages, the data
// behind it, and the code as a picture.
func linkset(base, path string) ([]byte, error) {
	self := base + path
	pages := []target{
		{self, "溯源页面", "text/html", []string{"zh-CN"}},
		{self + "?lang=en", "Traceability page", "text/html", []string{"en"}},
	}
	return json.Marshal(map[string]any{"linkset": []map[string]any{{
		"anchor":                      self,
		gs1Vocabulary + "defaultLink": pages[:1],
		gs1Vocabulary + "pip":         pages,
		gs1Vocabulary + "traceability": []target{
			{Href: self + "?format=json", Title: "链上记录 Records on the ledger", Type: "application/json"},
		},
		"icon": []target{{Href: self + "/qr.svg", Title: "QR", Type: typeSVG}},
	}}})
}

// linkHeader is the Link header (RFC 8288) of every answer about an address.
func linkHeader(base, path string) string {
	self := base + path
	return `<` + self + `>; rel="canonical", <` + self + `?linkType=linkset>; rel="linkset"; type="application/linkset+json", <` +
		self + `>; rel="` + gs1Vocabulary + `pip"; type="text/html"; hreflang="zh-CN", <` +
		self + `?format=json>; rel="` + gs1Vocabulary + `traceability"; type="application/json"`
}

// resolverDescription is /.well-known/gs1resolver (GS1-Conformant resolver standard).
func resolverDescription(base string) ([]byte, error) {
	return json.Marshal(map[string]any{
		"name":                             "traceledger",
		"resolverRoot":                     base,
		"supportedPrimaryKeys":             []string{"01"},
		"linkTypeDefaultCanBeLinkset":      false,
		"supportedContextValuesEnumerated": []string{"zh-CN", "en"},
		"activeLinkTypes": map[string][]string{
			"zh-CN": {gs1Vocabulary + "pip", gs1Vocabulary + "traceability"},
			"en":    {gs1Vocabulary + "pip", gs1Vocabulary + "traceability"},
		},
	})
}
