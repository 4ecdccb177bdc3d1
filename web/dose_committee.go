package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"radagora/access"
	"radagora/lang"
	"radagora/web/face"
)

// Committee reports to those who answer for radiation protection.
type Committee interface {
	// Report gathers how doses stand in a period of days, both included; "" is the last twelve months.
	Report(ctx context.Context, language, from, to string) (CommitteeReport, error)
	// ReportFile writes the same as PDF.
	ReportFile(ctx context.Context, w io.Writer, language, from, to string) error
}

// A CommitteeReport is what the committee reads.
type CommitteeReport struct {
	From, To time.Time // both included
	Parts    []ReportPart
	Foot     []string // on every page: site and period, settings, sources of levels
}

// A ReportPart is a heading with text and a table; Level is 2 or 3.
type ReportPart struct {
	ID, Title, Text string
	Level           int
	Columns         []ReportColumn
	Rows            [][]string
	None            string // said where there are no rows
}

// A ReportColumn is a column of the report.
type ReportColumn struct {
	Label string
	Share float64 // of the width of a page
	Right bool    // numbers
}

const reportAt = "/dose/report"

func (s *server) committeeRoutes(g registrar) {
	if s.Committee == nil {
		return
	}
	g.get(reportAt, access.AggregateRead, s.committeePage)
	g.get(reportAt+"/export", access.TableExport, s.committeeFile)
}

// committeePage shows the report.
func (s *server) committeePage(v *visit) error {
	q := v.r.URL.Query()
	r, err := s.Committee.Report(v.r.Context(), v.p.Tag(), q.Get("from"), q.Get("until"))
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.report_dose"), lead: v.p.T("dose.period", lang.Args{"from": r.From, "to": r.To})}
	if v.mayOf(access.TableExport) {
		pg.actions = committeeTake(v, r)
	}
	return v.show(pg, committeeBody(v, r))
}

// period is the query that chooses the period of a report.
func (r CommitteeReport) period() string {
	return url.Values{"from": {r.From.Format(time.DateOnly)}, "until": {r.To.Format(time.DateOnly)}}.Encode()
}

// committeeFile sends the report as PDF.
func (s *server) committeeFile(v *visit) error {
	q := v.r.URL.Query()
	var b bytes.Buffer
	if err := s.Committee.ReportFile(v.r.Context(), &b, v.p.Tag(), q.Get("from"), q.Get("until")); err != nil {
		return err
	}
	v.attach(fmt.Sprintf("dose-report-%s.pdf", v.now().Format(time.DateOnly)), "application/pdf")
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// Of a table with more columns than fit a page those behind the first stand below it.
const (
	fitting = 8
	folded  = 3
)

// committeeTable makes the table of a part.
func (v *visit) committeeTable(part ReportPart) face.Table {
	t := face.Table{ID: part.ID, Caption: part.Title, Dense: true, Empty: face.Nothing(orElse(part.None, v.p.T("report.none")), "")}
	fold := 0
	if len(part.Columns) > fitting {
		fold = folded
	}
	for i, c := range part.Columns {
		if i > 0 && i <= fold {
			continue
		}
		col := face.Column{Label: c.Label, Numeric: c.Right}
		if i == 0 {
			col.Phone = face.Name
		}
		if i == len(part.Columns)-1 && i > 0 {
			col.Phone = face.Beside
		}
		t.Columns = append(t.Columns, col)
	}
	for _, r := range part.Rows {
		row := face.Row{}
		for i, c := range r {
			first, second, _ := strings.Cut(c, "; ")
			switch {
			case i > 0 && i <= fold:
				continue
			case i == 0 && fold > 0 && len(r) > fold:
				first, second = c, strings.Join(r[1:fold+1], " · ")
			}
			row.Cells = append(row.Cells, face.Words(orElse(first, "–"), second))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
