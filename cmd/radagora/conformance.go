package main

import (
	"cmp"
	"crypto/tls"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"
	"time"

	"radagora/dicom"
	"radagora/dicom/dicomweb"
	"radagora/dicom/dimse"
	"radagora/dicom/pixel"
	"radagora/dicom/uid"
)

//go:embed conformance.md.tmpl
var conformanceText string

type conformanceCmd struct{}

func (conformanceCmd) Help() string {
	return `Prints the DICOM conformance statement (PS3.2) of this program as Markdown. It is made from the tables by which
associations are negotiated and requests answered, so it says what this very program does.

Example:

    radagora conformance > conformance.md`
}

// Run prints the statement.
func (conformanceCmd) Run(sys *system) error { return writeConformance(sys.Out, sys.Now) }

// deviations are where the program does not do what the standard lets expect, and why.
var deviations = [][2]string{
	{"A data set that breaks rules of encoding or lacks attributes of its IOD is stored if it can be filed: read to its end, with valid UIDs of study, series, instance and class.", "What a machine sent is evidence; refusing it would lose it. What is wrong with it is shown."},
	{"Another object under a SOP Instance UID that is taken is answered with success and kept aside, not shown.", "The first stays as it was acknowledged; nothing is lost, and a person decides."},
	{"Attributes of instances that are neither in the index nor in the prepared metadata are returned empty by queries.", "PS3.4 C.2.2.1.2 lets an SCP not support optional keys."},
	{"JPEG XL and video are kept and passed on, not decoded.", "Previews and transcoding need a decoder of our own."},
	{"Kerberos, SAML and JSON Web Token user identities are not verified.", "People sign in by OpenID Connect on the pages; machines by certificate or address."},
}

// A conformance is what the statement says.
type conformance struct {
	Edition, AE, Class, Version string
	Limits                      dimse.Limits
	Rejections                  []*dimse.RejectionError
	Services                    []dimse.Service
	Groups                      []syntaxGroup
	Statuses                    []statusTable
	Routes                      []dicomweb.Route
	Decoded                     []uid.UID
	Suites                      []string
	Deviations                  [][2]string
}

// A syntaxGroup is a list of transfer syntaxes that several classes share.
type syntaxGroup struct {
	Name     string
	Syntaxes []uid.UID
}

// A statusTable is what one kind of request is answered with.
type statusTable struct {
	Name string
	Rows []dimse.StatusRow
}

// stated returns what the statement says of this program.
func stated(now func() time.Time) conformance {
	h := &house{Now: now} // nothing of it is opened: the tables say what it would do
	s := settings{AE: "RADAGORA"}
	server := h.dicomServer(s, newDoorman(h, false, nil), &watch{}, nil, nil)
	c := conformance{
		Edition: dicom.Edition, AE: s.AE, Class: dicom.ImplementationClassUID.String(), Version: dicom.ImplementationVersionName,
		Limits: server.Limits.Filled(), Rejections: dimse.Rejections(), Deviations: deviations,
		Statuses: []statusTable{
			{"C-STORE", dimse.StorageStatuses()},
			{"C-FIND", dimse.FindStatuses()},
			{"C-MOVE and C-GET", dimse.RetrieveStatuses()},
			{"Destinations of C-MOVE", dimse.DestinationStatuses()},
			{"DIMSE-N", dimse.NormalStatuses()},
		},
		Routes: h.dicomweb(s).Routes(),
	}
	for _, t := range server.AllTitles() {
		c.Services = append(c.Services, t.Services()...)
	}
	names := map[dimse.ServiceKind]string{dimse.Verifying: "verification", dimse.Storing: "storage"}
	for _, row := range c.Services {
		name, ok := names[row.Kind]
		if !ok {
			name = "identifiers"
		}
		if !slices.ContainsFunc(c.Groups, func(g syntaxGroup) bool { return g.Name == name }) {
			c.Groups = append(c.Groups, syntaxGroup{name, row.Syntaxes})
		}
	}
	for _, u := range dimse.StorageSyntaxes() {
		if pixel.CanDecode(u) {
			c.Decoded = append(c.Decoded, u)
		}
	}
	for _, suite := range suites {
		c.Suites = append(c.Suites, tls.CipherSuiteName(suite))
	}
	return c
}

// writeConformance writes the statement.
func writeConformance(w io.Writer, now func() time.Time) error {
	c := stated(now)
	t, err := template.New("conformance").Funcs(template.FuncMap{
		"code": func(s string) string { return "`" + s + "`" },
		"name": func(u uid.UID) string { return cmp.Or(uid.Name(u), "private, of one manufacturer") },
		"roles": func(s dimse.Service) string {
			var all []string
			if s.SCU {
				all = append(all, "SCU")
			}
			if s.SCP {
				all = append(all, "SCP")
			}
			return strings.Join(all, ", ")
		},
		"group": func(s dimse.Service) string {
			for _, g := range c.Groups {
				if slices.Equal(g.Syntaxes, s.Syntaxes) {
					return g.Name
				}
			}
			return ""
		},
	}).Parse(conformanceText)
	if err != nil {
		return fmt.Errorf("conformance statement: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, c); err != nil {
		return fmt.Errorf("conformance statement: %w", err)
	}
	_, err = io.WriteString(w, b.String())
	return err
}
