package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Registry makes files of doses for registries and surveys, and keeps their receipts.
type Registry interface {
	// Disclosures lists what was made, the latest first.
	Disclosures(ctx context.Context) ([]Disclosure, error)
	// Disclosure returns one by its number.
	Disclosure(ctx context.Context, number int64) (Disclosure, error)
	// PreviewDisclosure shows what would go. Invalid: said to whoever typed it.
	PreviewDisclosure(ctx context.Context, language string, f DisclosureForm) (DisclosurePreview, error)
	// Disclose registers a file and writes it.
	Disclose(ctx context.Context, w io.Writer, language string, f DisclosureForm) (Disclosure, error)
	// Answer keeps what a registry answered.
	Answer(ctx context.Context, number int64, state, words, name string, file []byte) error
	// Receipt returns the file that a registry sent.
	Receipt(ctx context.Context, number int64) (name string, file []byte, err error)
}

// A Disclosure is a file that was made for a registry.
type Disclosure struct {
	Number                                          int64
	Registry, Modality, Format, File, Digest, State string
	From, To, Made, Received                        time.Time
	N                                               int
	Left                                            []Excluded
	MadeBy, ReceivedBy, Receipt, ReceiptName        string
}

// A DisclosureForm chooses what goes to a registry.
type DisclosureForm struct{ Registry, Modality, From, To, Format string }

// A DisclosurePreview is what would go.
type DisclosurePreview struct {
	N       int
	Left    []Excluded
	Remarks []lang.Message
	Heads   []string
	Rows    [][]string
}

const registryAt = "/dose/registry"

func (s *server) registryRoutes(g registrar) {
	if s.Registry == nil {
		return
	}
	g.get(registryAt, access.SecondaryUse, s.registryPage)
	g.post(registryAt, access.SecondaryUse, s.registryMake)
	g.get(registryAt+"/{number}", access.SecondaryUse, s.disclosurePage)
	g.upload(registryAt+"/{number}", access.SecondaryUse, maxReceipt, s.disclosureAnswer)
	g.get(registryAt+"/{number}/receipt", access.SecondaryUse, s.disclosureReceipt)
}

// registryPage lists what was made, and previews what is asked for.
func (s *server) registryPage(v *visit) error {
	get := v.r.URL.Query().Get
	return v.showRegistry(DisclosureForm{Registry: get("registry"), Modality: get("modality"), From: get("from"), To: get("until"), Format: get("format")}, "")
}

func (v *visit) showRegistry(f DisclosureForm, why string) error {
	all, err := v.Registry.Disclosures(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.registry"), lead: v.p.T("registry.lead"), section: registryAt}
	var preview *DisclosurePreview
	if why == "" && f.Registry != "" {
		p, err := v.Registry.PreviewDisclosure(v.r.Context(), v.p.Tag(), f)
		if why = said(err); why == "" {
			if err != nil {
				return err
			}
			preview = &p
		}
	}
	if why != "" {
		pg.status = http.StatusBadRequest
		pg.notices = append(pg.notices, face.Notice{Tone: face.Trouble, Title: v.p.T("form.refused"), Text: why})
	}
	return v.show(pg, registryBody(v, all, f, preview))
}

// registryMake makes a file and sends it.
func (s *server) registryMake(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := DisclosureForm{Registry: v.field("registry"), Modality: v.field("modality"), From: v.field("from"), To: v.field("until"), Format: v.field("format")}
	var b bytes.Buffer
	d, err := s.Registry.Disclose(v.r.Context(), &b, v.p.Tag(), f)
	if why := said(err); why != "" {
		return v.showRegistry(f, why)
	}
	if err != nil {
		return err
	}
	v.attach(d.File, mediaTypes[ExportFormat(d.Format)])
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// disclosureNumber returns the number in the address.
func (v *visit) disclosureNumber() (int64, error) {
	n, err := strconv.ParseInt(v.r.PathValue("number"), 10, 64)
	if err != nil {
		return 0, fault.Errorf(fault.NotFound, "no such disclosure")
	}
	return n, nil
}

// disclosurePage shows what was made, and its receipt.
func (s *server) disclosurePage(v *visit) error { return v.showDisclosure("") }

func (v *visit) showDisclosure(why string) error {
	n, err := v.disclosureNumber()
	if err != nil {
		return err
	}
	d, err := v.Registry.Disclosure(v.r.Context(), n)
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("registry.number", lang.Args{"number": strconv.FormatInt(n, 10)}), lead: d.Registry, section: registryAt,
		crumbs: []crumb{{v.p.T("nav.registry"), registryAt}},
	}
	if why != "" {
		pg.status = http.StatusBadRequest
		pg.notices = append(pg.notices, face.Notice{Tone: face.Trouble, Title: v.p.T("form.refused"), Text: why})
	}
	return v.show(pg, disclosureBody(v, d))
}

// maxReceipt bounds what a form with a receipt holds.
const maxReceipt = 5 << 20

// disclosureAnswer takes a receipt.
func (s *server) disclosureAnswer(v *visit) error {
	if err := v.r.ParseMultipartForm(1 << 20); err != nil {
		return v.showDisclosure(v.p.T("registry.too_large"))
	}
	n, err := v.disclosureNumber()
	if err != nil {
		return err
	}
	var name string
	var raw []byte
	if file, head, err := v.r.FormFile("file"); err == nil {
		defer func() { _ = file.Close() }()
		name = head.Filename
		if raw, err = io.ReadAll(io.LimitReader(file, maxReceipt)); err != nil {
			return fault.As(fault.Invalid, err)
		}
	}
	err = s.Registry.Answer(v.r.Context(), n, v.r.PostForm.Get("state"), v.r.PostForm.Get("receipt"), name, raw)
	if why := said(err); why != "" {
		return v.showDisclosure(why)
	}
	if err != nil {
		return err
	}
	return v.back(registryAt+"/"+strconv.FormatInt(n, 10), "receipt_kept")
}

// disclosureReceipt sends the file of a receipt, never to be shown by the browser.
func (s *server) disclosureReceipt(v *visit) error {
	n, err := v.disclosureNumber()
	if err != nil {
		return err
	}
	_, raw, err := s.Registry.Receipt(v.r.Context(), n)
	if err != nil {
		return err
	}
	v.attach("receipt-"+strconv.FormatInt(n, 10), "application/octet-stream")
	_, _ = v.w.Write(raw) // a reader that went away is no error of ours
	return nil
}

// disclosureTable lists what was made.
func (v *visit) disclosureTable(all []Disclosure) face.Table {
	p := v.p
	t := face.Table{
		ID: "disclosures", Caption: p.T("registry.made"), Empty: face.Nothing(p.T("registry.none"), p.T("registry.none_text")),
		Columns: []face.Column{
			{Label: p.T("registry.col_number"), Phone: face.Name},
			{Label: p.T("registry.registry")},
			{Label: p.T("dose.filter_modality")},
			{Label: p.T("dose.filter_period")},
			{Label: p.T("registry.rows"), Numeric: true},
			{Label: p.T("registry.state"), Phone: face.Beside},
		},
	}
	for _, d := range all {
		number := strconv.FormatInt(d.Number, 10)
		row := face.Row{ID: "disclosure-" + number, Href: registryAt + "/" + number}
		for _, c := range []string{number, d.Registry, p.T("dose.modality_" + strings.ToLower(d.Modality)), p.Date(d.From) + " – " + p.Date(d.To), p.Count(int64(d.N)), p.T("registry.state_" + d.State)} {
			row.Cells = append(row.Cells, face.Words(c, ""))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// disclosureFacts say what was made.
func (v *visit) disclosureFacts(d Disclosure) []face.Fact {
	p := v.p
	facts := []face.Fact{
		{Label: p.T("registry.registry"), Value: d.Registry},
		{Label: p.T("dose.filter_modality"), Value: p.T("dose.modality_" + strings.ToLower(d.Modality))},
		{Label: p.T("dose.filter_period"), Value: p.Date(d.From) + " – " + p.Date(d.To)},
		{Label: p.T("registry.rows"), Value: p.Count(int64(d.N))},
		{Label: p.T("registry.file"), Value: d.File, Origin: "SHA-256 " + d.Digest},
		{Label: p.T("registry.made_by"), Value: d.MadeBy, Origin: p.DateTime(v.local(d.Made))},
		{Label: p.T("registry.state"), Value: p.T("registry.state_" + d.State)},
	}
	if !d.Received.IsZero() {
		facts = append(facts, face.Fact{Label: p.T("registry.receipt"), Value: orElse(d.Receipt, d.ReceiptName), Origin: d.ReceivedBy + ", " + p.DateTime(v.local(d.Received))})
	}
	return facts
}

// leftWords says how many are left out, and why.
func (v *visit) leftWords(e Excluded) string {
	if v.p.Has("registry.left_" + e.Reason) {
		return v.p.T("registry.left_"+e.Reason, lang.Args{"n": e.N})
	}
	return v.word("excluded.", e.Reason, lang.Args{"n": e.N})
}

// disclosedTable shows the first rows that would go.
func (v *visit) disclosedTable(d DisclosurePreview) face.Table {
	return v.previewTable(ViewPage{SavedView: SavedView{Name: v.p.T("registry.preview")}, Heads: d.Heads, Rows: d.Rows})
}

// offeredLower are choices whose words stand under their codes in small letters.
func (v *visit) offeredLower(prefix string, codes []string) (all []face.Choice) {
	for _, c := range codes {
		all = append(all, face.Choice{Code: c, Label: v.p.T(prefix + strings.ToLower(c))})
	}
	return all
}
