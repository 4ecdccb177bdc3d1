package web

import (
	"context"
	"mime"
	"net/url"
	"strconv"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/web/face"
)

// Reports shows reports that other systems wrote.
type Reports interface {
	Report(ctx context.Context, id string) (ReportPage, error)
	// ReportFile returns a document of a report, from 1, with its body.
	ReportFile(ctx context.Context, id string, number int) (ReportFile, error)
}

// A ReportPage is one report.
type ReportPage struct {
	ID, Title, Status, Author, From string
	At, Made                        time.Time
	Text                            string
	Files                           []ReportFile
	Links                           int // to documents elsewhere
	Order, Study                    string
	Number                          string // by which people know the order: accession, placer or filler number
	Patient, Born                   string // the name, or the identifier; the birth date, "" if it is not known
}

// A ReportFile is a document of a report.
type ReportFile struct {
	Type, Title string
	Bytes       int64
	Body        []byte
}

const reportsAddress = "/reports"

func (s *server) reportRoutes(g registrar) {
	if s.Reports == nil {
		return
	}
	g.get(reportsAddress+"/{id}", access.PageRead, s.reportPage) // the room asks about the patient
	g.get(reportsAddress+"/{id}/files/{n}", access.PageRead, s.reportFile)
}

// reportPage shows one report.
func (s *server) reportPage(v *visit) error {
	p, err := s.Reports.Report(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return v.show(page{title: orElse(p.Title, v.p.T("reports.report")), lead: v.p.T("reports.is_" + p.Status), section: "/images/worklist"}, reportBody(v, p))
}

// reportFile gives a document out as a file to keep: nothing in it runs here.
func (s *server) reportFile(v *visit) error {
	n, err := strconv.Atoi(v.r.PathValue("n"))
	if err != nil {
		return fault.Errorf(fault.NotFound, "no such file")
	}
	f, err := s.Reports.ReportFile(v.r.Context(), v.r.PathValue("id"), n)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	v.attach("report-"+strconv.Itoa(n)+reportEnding(f.Type), f.Type)
	_, err = v.w.Write(f.Body)
	return fault.As(fault.Unavailable, err)
}

// reportEnding is how the name of a document of a media type ends.
func reportEnding(media string) string {
	if all, err := mime.ExtensionsByType(media); err == nil && len(all) > 0 && media != "application/pdf" {
		return all[0]
	}
	return ".pdf"
}

// reportFileWords says of what kind and how large a document is.
func (v *visit) reportFileWords(f ReportFile) string {
	if f.Type == "application/pdf" {
		return "PDF, " + v.bytes(f.Bytes)
	}
	return f.Type + ", " + v.bytes(f.Bytes)
}

// reportFacts says what a report is about.
func (v *visit) reportFacts(p ReportPage) []face.Fact {
	all := []face.Fact{
		{Label: v.p.T("studies.patient"), Value: orElse(joined(p.Patient, v.dicomDay(p.Born)), "–")},
		{Label: v.p.T("reports.at"), Value: v.moment(p.At)},
	}
	add := func(key, value, href string) {
		if value != "" {
			all = append(all, face.Fact{Label: v.p.T(key), Value: value, Href: href})
		}
	}
	if !p.Made.IsZero() {
		add("reports.made", v.moment(p.Made), "")
	}
	add("reports.author", p.Author, "")
	add("reports.from", p.From, "")
	if p.Order != "" {
		add("reports.order", orElse(p.Number, v.p.T("reports.open_order")), "/images/worklist?open="+url.QueryEscape(p.Order)+"#order")
	} else {
		add("reports.order", v.p.T("reports.no_order"), "")
	}
	if p.Study != "" {
		add("reports.study", p.Study, "/images/studies/"+url.PathEscape(p.Study))
	}
	return all
}

// reportFileHref is the address of a document, from 1.
func reportFileHref(p ReportPage, n int) string {
	return reportsAddress + "/" + url.PathEscape(p.ID) + "/files/" + strconv.Itoa(n)
}
