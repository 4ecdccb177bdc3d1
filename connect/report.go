package connect

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/fault"
	"radagora/hl7"
	"radagora/worklist"
)

// Bounds of one report.
const (
	maxReportText  = 1 << 20
	maxReportFiles = 20 << 20 // decoded, all together
)

// A ReportStatus says how a report stands, in the words of FHIR.
type ReportStatus string

// The statuses.
const (
	ReportRegistered  ReportStatus = "registered"
	ReportPartial     ReportStatus = "partial"
	ReportPreliminary ReportStatus = "preliminary"
	ReportFinal       ReportStatus = "final"
	ReportCorrected   ReportStatus = "corrected"
	ReportCancelled   ReportStatus = "cancelled"
	ReportWrong       ReportStatus = "entered-in-error"
)

// rank is how far a status is: one that is further is never replaced by one that is
// less so, whatever the times say.
func (s ReportStatus) rank() int {
	return map[ReportStatus]int{ReportPartial: 1, ReportPreliminary: 2, ReportFinal: 3, ReportCorrected: 3, ReportCancelled: 3, ReportWrong: 3}[s]
}

// A Report is what a message says of a report.
type Report struct {
	Number   string           // by which the sender knows it: kind and number
	Numbers  worklist.Numbers // of the order
	Study    string
	Code     *worklist.Code
	Title    string
	Status   ReportStatus
	At       time.Time // of this version
	Made     time.Time // the examination; the zero time if it does not say
	Author   string    // as a name of DICOM
	Text     string
	Files    []File `json:"-"`
	Links    int    // to documents elsewhere (RP), which are not fetched
	Problems []Problem
}

// A File is a document of a report.
type File struct {
	Type  string // application/pdf
	Title string
	Body  []byte
}

// carriers are the kinds of values that reports come as.
var carriers = []string{"TX", "FT", "ED", "RP"}

// reports reads what a message says of reports: in ORU one for each OBR with text or
// documents, in MDM one for the document.
func (r *reader) reports(all scope) {
	switch r.kind {
	case "ORU":
		for _, o := range all.whole.Orders() {
			in := scope{r.kind, o.Group, all.whole}
			carries := slices.ContainsFunc(o.Observations, func(x hl7.Observation) bool { return slices.Contains(carriers, x.Field(2).Text()) })
			if !carries && r.status(in) != ReportCancelled || r.code("report.section", "", r.text("report.section", in)) == "no" {
				continue
			}
			r.report(in, o.Observations)
		}
	case "MDM":
		r.report(all, all.whole.Observations())
	}
}

// status reads how a report stands.
func (r *reader) status(in scope) ReportStatus {
	if _, trigger, _ := strings.Cut(r.e.Code, "^"); r.kind == "MDM" {
		switch trigger {
		case "T11":
			return ReportWrong
		case "T08", "T10":
			return ReportCorrected
		}
	}
	return ReportStatus(cmp.Or(r.code("report.status", "", r.text("report.status", in)), string(ReportFinal)))
}

// report reads one report.
func (r *reader) report(in scope, found []hl7.Observation) {
	p := Report{
		Numbers: worklist.Numbers{Placer: r.text("order.placer", in), Filler: r.text("order.filler", in), Accession: r.text("order.accession", in)},
		Study:   r.text("order.study_uid", in), Code: r.coded("order.code", in), Status: r.status(in), At: r.time("report.at", in),
		Made: r.time("report.made", in), Author: r.author(in),
	}
	if p.At.IsZero() {
		p.At = r.e.At
	}
	document := r.text("report.document", in)
	for _, x := range []struct{ kind, number string }{
		{"document", document}, {"filler", p.Numbers.Filler}, {"placer", p.Numbers.Placer}, {"accession", p.Numbers.Accession},
	} {
		if x.number != "" && (r.kind == "MDM" || x.kind != "document") {
			p.Number = x.kind + " " + x.number
			break
		}
	}
	if p.Code != nil {
		p.Title = p.Code.Meaning
		if p.Number != "" && r.kind == "ORU" {
			p.Number += " " + p.Code.Value // two reports may answer one order
		}
	}
	p.Title = cut(p.Title, 200)
	r.contents(&p, found)
	r.e.Reports = append(r.e.Reports, p)
}

// author reads who wrote a report: OBR-32 has a name in its first component, whose
// parts are subcomponents.
func (r *reader) author(in scope) string {
	if n := in.group.First("OBR").Field(32).Component(1); n.Subcomponent(2).Text() != "" {
		return dicomName(hl7.XPN{Family: n.Subcomponent(2).Text(), Given: n.Subcomponent(3).Text(), Prefix: n.Subcomponent(6).Text()})
	}
	return r.text("report.author", in)
}

// contents reads text and documents.
func (r *reader) contents(p *Report, found []hl7.Observation) {
	var text strings.Builder
	heads := map[string]bool{}
	for _, x := range found {
		heads[x.Field(3).Component(2).Text()] = true
	}
	last, wrong, size := "", 0, 0
	for i, x := range found {
		kind, status := x.Field(2).Text(), strings.ToUpper(x.Field(11).Text())
		if status == "W" || status == "D" {
			wrong++
			continue
		}
		switch kind {
		case "TX", "FT", "ST":
			if head := x.Field(3).Component(2).Text(); len(heads) > 1 && head != "" && head != last {
				last = head
				text.WriteString("\n" + head + "\n")
			}
			for v := range x.Field(5).Repetitions() {
				text.WriteString(v.Text() + "\n")
			}
		case "ED":
			f, err := document(x.Field(5), maxReportFiles-size)
			if err != nil {
				p.Problems = append(p.Problems, Problem{At: "OBX[" + strconv.Itoa(i+1) + "]-5", Key: keyOf(err), What: err.Error()})
				continue
			}
			if f.Type == "text/plain" {
				text.Write(f.Body)
				continue
			}
			f.Title, size = cut(x.Field(3).Component(2).Text(), 200), size+len(f.Body)
			p.Files = append(p.Files, f)
		case "RP":
			p.Links++
		}
	}
	p.Text = strings.TrimSpace(text.String())
	if len(p.Text) > maxReportText {
		p.Problems = append(p.Problems, Problem{At: "OBX-5", Key: problemText, What: "the text of the report is longer than " + strconv.Itoa(maxReportText) + " bytes"})
	}
	if wrong > 0 && wrong == len(found) {
		p.Status = ReportWrong
	}
}

// document reads encapsulated data (ED) of at most room bytes: PDF, or plain text.
func document(v hl7.Value, room int) (File, error) {
	kind, sub := strings.ToLower(v.Component(2).Text()), strings.ToLower(v.Component(3).Text())
	encoding, data := strings.ToLower(v.Component(4).Text()), v.Component(5).Raw()
	whole := strings.TrimSpace(kind + "/" + sub)
	if encoding != "base64" {
		return File{}, unusable(fault.Unsupported, problemEncoding, "a document is taken in Base64 alone")
	}
	if base64.StdEncoding.DecodedLen(len(data)) > room+3 {
		return File{}, unusable(fault.Exhausted, problemFiles, "the documents of a report are larger than %d bytes", maxReportFiles)
	}
	plain := bytes.Map(func(c rune) rune {
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			return -1
		}
		return c
	}, []byte(v.Component(5).Text()))
	body, err := base64.StdEncoding.DecodeString(string(plain))
	if err != nil {
		return File{}, unusable(fault.Invalid, problemEncoding, "the document is not in Base64")
	}
	switch {
	case len(body) > room:
		return File{}, unusable(fault.Exhausted, problemFiles, "the documents of a report are larger than %d bytes", maxReportFiles)
	case strings.Contains(whole, "pdf"):
		if !bytes.Contains(body[:min(len(body), 1024)], []byte("%PDF-")) {
			return File{}, unusable(fault.Invalid, problemPDF, "the document says that it is PDF, and has no %%PDF header")
		}
		return File{Type: "application/pdf", Body: body}, nil
	case sub == "plain" || whole == "text/" || kind == "txt":
		return File{Type: "text/plain", Body: bytes.ToValidUTF8(body, []byte("�"))}, nil
	default:
		return File{}, unusable(fault.Unsupported, problemFileType, "a document of this type is not taken: PDF and plain text are")
	}
}
