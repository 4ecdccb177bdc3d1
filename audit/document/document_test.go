package document_test

import (
	"archive/zip"
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/audit/document"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/evidence"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
	"radagora/site"
)

const (
	house = site.Default
	ann   = "account-ann"
	ben   = "account-ben"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused fails unless an error is of a kind and says something.
func refused(t *testing.T, err error, kind fault.Kind, says string) {
	t.Helper()
	if fault.Of(err) != kind || err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v of kind %v, want %v with %q", err, fault.Of(err), kind, says)
	}
}

// A desk is a register with what tests look at.
type desk struct {
	*document.Register
	findings *finding.Register
	journal  *journal.Journal
	now      time.Time
}

func newDesk(t *testing.T, d *db.DB) *desk {
	t.Helper()
	k := &desk{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return k.now }
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Log: slog.New(slog.DiscardHandler), Now: now})
	check(t, err)
	sites, err := site.Open(t.Context(), d, j, now)
	check(t, err)
	k.findings, err = finding.Open(t.Context(), d, j, now)
	check(t, err)
	check(t, d.Migrate(t.Context(), "document", document.Migrations()))
	library, err := content.Open()
	check(t, err)
	k.journal = j
	k.Register = &document.Register{
		DB: d, Journal: j, Content: library, Findings: k.findings, Site: sites.Site, Now: now,
		Rooms: func(context.Context, string) ([]string, error) { return []string{"room-ct"}, nil },
		Readers: func(context.Context, string) ([]document.Reader, error) {
			return []document.Reader{{Account: ann, Roles: []access.Role{access.Radiologist}}, {Account: ben, Roles: []access.Role{access.Radiologist}}, {Account: "account-zoe", Roles: []access.Role{access.Steward}}}, nil
		},
		Procedures: func(context.Context, string, string, string) ([]string, error) {
			return []string{"CT_HEAD", "CT_CHEST"}, nil
		},
	}
	return k
}

// value is a fact as of now.
func (k *desk) value(t *testing.T, id string) evidence.Value {
	t.Helper()
	library, err := content.Open()
	check(t, err)
	r, err := evidence.Open(library, func() time.Time { return k.now })
	check(t, err)
	check(t, r.Register(k.Facts()...))
	v, err := r.Value(t.Context(), id, evidence.Query{Site: house})
	check(t, err)
	return v
}

// open are the codes of the findings about documents.
func (k *desk) open(t *testing.T) (codes []string) {
	t.Helper()
	all, err := k.findings.List(t.Context(), finding.Filter{Site: house, States: []finding.State{finding.StateOpen}, Limit: 100})
	check(t, err)
	for _, f := range all {
		codes = append(codes, f.Code)
	}
	return codes
}

func head() document.Head {
	return document.Head{
		Title: "Head CT, adults", Kind: "protocol", Topic: document.Justification, Owner: "Head of CT", HighDose: true,
		Readers: []access.Role{access.Radiologist}, Rooms: []string{"room-ct"}, Audits: []string{"R09"}, Duties: []string{"LD09"}, Exams: []string{"CT_HEAD", "CT_HEAD"},
	}
}

// TestDocument takes a document from its entry to the day its review is past.
func TestDocument(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		ctx := t.Context()
		x, err := k.Keep(ctx, house, ann, "", head())
		check(t, err)
		if x.Number != 1 || x.State("2026-11-22") != document.Empty || !slices.Equal(x.Head.Exams, []string{"CT_HEAD"}) {
			t.Errorf("kept as %+v", x)
		}
		if v := k.value(t, "content.justification_protocol"); v.State != evidence.Absent {
			t.Errorf("nothing is in force, and the fact is %+v", v)
		}
		x, err = k.Add(ctx, house, ann, x.ID, document.Draft{Label: "1.0", File: document.File{Name: `C:\papers\head "ct".pdf`, Bytes: []byte("%PDF-1.7 …")}})
		check(t, err)
		if v := x.Versions[0]; v.File != "head _ct_.pdf" || v.Media != "application/pdf" || x.State("2026-11-22") != document.Unapproved {
			t.Errorf("added as %+v", v)
		}
		if got := k.open(t); !slices.Equal(got, []string{document.Unapproved}) {
			t.Errorf("findings %v", got)
		}
		_, err = k.Approve(ctx, house, ann, x.ID, 1, "2027-11-22")
		refused(t, err, fault.Forbidden, "second person")
		refused(t, k.Read(ctx, house, ben, x.ID, 1), fault.Conflict, "not in force")
		_, err = k.Review(ctx, house, ben, x.ID, "2027-11-22", false, "")
		refused(t, err, fault.Conflict, "no version is in force")
		_, err = k.Approve(ctx, house, ben, x.ID, 1, "2026-11-22")
		refused(t, err, fault.Invalid, "not after today")
		_, err = k.Approve(ctx, house, ben, x.ID, 1, "2099-11-22")
		refused(t, err, fault.Invalid, "within 20 years")
		_, err = k.Approve(ctx, house, ben, x.ID, 2, "2027-11-22")
		refused(t, err, fault.Conflict, "not the latest")
		x, err = k.Approve(ctx, house, ben, x.ID, 1, "2027-11-22")
		check(t, err)
		_, err = k.Approve(ctx, house, ben, x.ID, 1, "2027-11-22")
		refused(t, err, fault.Conflict, "approved already")
		if got := k.open(t); len(got) != 0 || x.State("2026-11-22") != document.Current {
			t.Errorf("findings %v, document %+v", got, x)
		}
		check(t, k.Read(ctx, house, ben, x.ID, 1))
		check(t, k.Read(ctx, house, ben, x.ID, 1))
		all, err := k.Readings(ctx, house, x)
		check(t, err)
		if len(all) != 2 || all[0].Account != ben || all[0].At.IsZero() || all[1].Account != ann || !all[1].At.IsZero() {
			t.Errorf("readings %+v", all)
		}
		f, err := k.Open(ctx, house, x.ID, 1)
		check(t, err)
		if string(f.Bytes) != "%PDF-1.7 …" {
			t.Errorf("file %q", f.Bytes)
		}
		if v := k.value(t, "content.justification_protocol"); v.State != evidence.Known || v.Date != "2026-11-22" || v.N != 1 {
			t.Errorf("fact %+v", v)
		}
		// One high-dose protocol, not reviewed with the expert: 0 of 1; then 1 of 1.
		if v := k.value(t, "content.mpe_reviewed"); v.Numerator != 0 || v.Denominator != 1 {
			t.Errorf("fact %+v", v)
		}
		_, err = k.Review(ctx, house, ben, x.ID, "2027-11-22", true, "scan length")
		check(t, err)
		if v := k.value(t, "content.mpe_reviewed"); v.Value != 1 {
			t.Errorf("fact %+v", v)
		}
		// Head and chest are in use, and only head has a protocol: 1 of 2.
		if v := k.value(t, "equipment.protocols_current"); v.Value != 0.5 || v.N != 2 {
			t.Errorf("fact %+v", v)
		}
		k.now = k.now.AddDate(1, 0, 3)
		check(t, k.Judge(ctx, house))
		if got := k.open(t); !slices.Equal(got, []string{document.Overdue}) {
			t.Errorf("findings %v", got)
		}
		if v := k.value(t, "content.justification_protocol"); v.State != evidence.Stale {
			t.Errorf("fact %+v", v)
		}
		if v := k.value(t, "equipment.protocols_current"); v.Numerator != 0 {
			t.Errorf("fact %+v", v)
		}
		// A new version waits while the old one is in force, and takes its place.
		x, err = k.Add(ctx, house, ben, x.ID, document.Draft{Label: "2", Link: "https://papers.example/head"})
		check(t, err)
		if v := x.InForce(); v.Number != 1 {
			t.Errorf("in force %+v", v)
		}
		_, err = k.Open(ctx, house, x.ID, 2)
		refused(t, err, fault.NotFound, "no file")
		x, err = k.Approve(ctx, house, ann, x.ID, 2, "2028-11-22")
		check(t, err)
		refused(t, k.Read(ctx, house, ben, x.ID, 1), fault.Conflict, "not in force")
		check(t, k.Withdraw(ctx, house, ann, x.ID, true))
		refused(t, k.Withdraw(ctx, house, ann, x.ID, true), fault.Conflict, "decided already")
		_, err = k.Add(ctx, house, ann, x.ID, document.Draft{Label: "3", Link: "https://papers.example/head"})
		refused(t, err, fault.Conflict, "withdrawn")
		if v := k.value(t, "content.mpe_reviewed"); v.State != evidence.NotApplicable {
			t.Errorf("fact %+v", v)
		}
	})
}

// TestHeadRefused says what is wrong with what cannot be said of a document.
func TestHeadRefused(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		for name, tt := range map[string]struct {
			change func(*document.Head)
			says   string
		}{
			"no title":        {func(h *document.Head) { h.Title = " " }, "title"},
			"a long title":    {func(h *document.Head) { h.Title = strings.Repeat("a", 301) }, "title"},
			"an unknown kind": {func(h *document.Head) { h.Kind = "novel" }, "kind"},
			"a topic":         {func(h *document.Head) { h.Topic = "weather" }, "topic"},
			"no owner":        {func(h *document.Head) { h.Owner = "" }, "owner"},
			"patients read":   {func(h *document.Head) { h.Readers = []access.Role{access.Patient} }, "readers"},
			"no such room":    {func(h *document.Head) { h.Rooms = []string{"elsewhere"} }, "no room"},
			"no such audit":   {func(h *document.Head) { h.Audits = []string{"R99"} }, "no audit"},
			"no such duty":    {func(h *document.Head) { h.Duties = []string{"LD99"} }, "no duty"},
			"no such exam":    {func(h *document.Head) { h.Exams = []string{"CT_NOSE"} }, "no examination"},
			"too many":        {func(h *document.Head) { h.Exams = make([]string, 61) }, "at most 60"},
		} {
			h := head()
			tt.change(&h)
			_, err := k.Keep(t.Context(), house, ann, "", h)
			if fault.Of(err) != fault.Invalid || err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v, want Invalid with %q", name, err, tt.says)
			}
		}
		_, err := k.Keep(t.Context(), house, ann, "nobody", head())
		refused(t, err, fault.NotFound, "no such document")
	})
}

// TestFiles says which files can be kept.
func TestFiles(t *testing.T) {
	t.Parallel()
	pack := func(names ...string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, name := range names {
			_, err := z.Create(name)
			check(t, err)
		}
		check(t, z.Close())
		return b.Bytes()
	}
	for name, tt := range map[string]struct {
		file  string
		raw   []byte
		media string
	}{
		"pdf":                     {"a", []byte("%PDF-1.4"), "application/pdf"},
		"jpeg":                    {"a", []byte("\xff\xd8\xff\xe0"), "image/jpeg"},
		"png":                     {"a", []byte("\x89PNG\r\n\x1a\n"), "image/png"},
		"text":                    {"a.TXT", []byte("scan from the vertex"), "text/plain; charset=utf-8"},
		"text by another name":    {"a.html", []byte("<script>"), ""},
		"text that is none":       {"a.txt", []byte("\xff\xfe"), ""},
		"word":                    {"a.docx", pack("[Content_Types].xml", "word/document.xml"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		"word with a program":     {"a.docx", pack("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), ""},
		"open document":           {"a.odt", pack("mimetype", "content.xml"), "application/vnd.oasis.opendocument.text"},
		"any archive":             {"a.zip", pack("a.exe"), ""},
		"an archive that is torn": {"a.docx", pack("word/document.xml")[:20], ""},
		"a program":               {"a.exe", []byte("MZ\x90\x00"), ""},
	} {
		media, err := document.Media(document.File{Name: tt.file, Bytes: tt.raw})
		if media != tt.media || (err == nil) != (tt.media != "") || err != nil && fault.Of(err) != fault.Unsupported {
			t.Errorf("%s: %q, %v; want %q", name, media, err, tt.media)
		}
	}
}

// TestVersionRefused says what is wrong with what cannot be a version.
func TestVersionRefused(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		x, err := k.Keep(t.Context(), house, ann, "", head())
		check(t, err)
		for name, tt := range map[string]struct {
			draft document.Draft
			kind  fault.Kind
			says  string
		}{
			"neither file nor link": {document.Draft{Label: "1"}, fault.Invalid, "a file, or a link"},
			"no label":              {document.Draft{Link: "https://a.example"}, fault.Invalid, "version:"},
			"a link that runs":      {document.Draft{Label: "1", Link: "javascript:alert(1)"}, fault.Invalid, "link:"},
			"a link with a secret":  {document.Draft{Label: "1", Link: "https://me:secret@a.example"}, fault.Invalid, "without a password"},
			"a file too large":      {document.Draft{Label: "1", File: document.File{Name: "a.pdf", Bytes: append([]byte("%PDF-"), make([]byte, document.MostFile)...)}}, fault.Exhausted, "more than"},
			"a program":             {document.Draft{Label: "1", File: document.File{Name: "a.exe", Bytes: []byte("MZ\x90")}}, fault.Unsupported, "none of PDF"},
		} {
			_, err := k.Add(t.Context(), house, ann, x.ID, tt.draft)
			if fault.Of(err) != tt.kind || err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v, want %v with %q", name, err, tt.kind, tt.says)
			}
		}
	})
}

// FuzzMedia reads foreign bytes without a panic.
func FuzzMedia(f *testing.F) {
	f.Add("a.pdf", []byte("%PDF-1.4"))
	f.Add("a.docx", []byte("PK\x03\x04\x14\x00"))
	f.Add("a.txt", []byte("text"))
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		media, err := document.Media(document.File{Name: name, Bytes: raw})
		if (media == "") != (err != nil) {
			t.Errorf("media %q with %v", media, err)
		}
	})
}
