package main

import (
	"context"
	"encoding/base64"
	"net/http"

	"radagora/access"
	"radagora/dose"
	"radagora/dose/reject"
	"radagora/fault"
	"radagora/web"
)

// rejects registers what programs may do with logs of rejected exposures.
func (d *apiDoor) rejects() {
	a, group := rejectAPI{d.house}, "Dose"
	operate(d, op{
		act: access.AggregateRead, call: "GET /dose/rejects", id: "list-dose-rejects", group: group,
		summary: "Reject rates by room and month, from the logs of machines, in the last twelve months",
		text:    "Rejected of all exposures, test images left out. A rate of a log that tells of too few images of the archive is incomplete.",
	}, a.list)
	operate(d, op{
		act: access.DoseEnter, call: "POST /dose/rejects/logs", id: "import-reject-log", group: group, status: http.StatusCreated,
		summary: "Take a vendor's reject log",
		text:    "CSV, TSV, XLSX or XML. The map of columns is kept for the vendor and version. Rows with which something is wrong are left out and named. No operator and no patient is kept. The same file is taken once.",
	}, a.take)
	operate(d, op{
		act: access.DoseEnter, call: "POST /dose/rejects/logs/{id}/undo", id: "undo-reject-log", group: group, status: http.StatusNoContent,
		summary: "Take a reject log back as a whole", text: "The same file may be imported again.",
	}, a.undo)
}

// rejectAPI answers programs about rejected exposures.
type rejectAPI struct{ *house }

// An apiRejectRate is the rate of a room in a month.
type apiRejectRate struct {
	Room       string       `json:"room" doc:"id, as in GET /rooms"`
	Month      string       `json:"month" doc:"YYYY-MM"`
	Rejected   int          `json:"rejected"`
	Exposures  int          `json:"exposures" doc:"accepted and rejected, without images of tests"`
	Tests      int          `json:"tests" doc:"images of tests"`
	Rate       *float64     `json:"rate,omitempty" doc:"0 to 1; left out if the log tells of no accepted exposure"`
	Interval   *apiInterval `json:"interval,omitempty" doc:"of the rate"`
	Images     int          `json:"images" doc:"in the archive"`
	Complete   *float64     `json:"complete,omitempty" doc:"accepted exposures of the log by images of the archive; left out if there are none"`
	Incomplete bool         `json:"incomplete" doc:"below the threshold of the content, or not known"`
}

type listRejects struct{ Paging }

func (a rejectAPI) list(ctx context.Context, in *listRejects) (*apiPage[apiRejectRate], error) {
	here, err := a.Sites.Site(ctx, at)
	if err != nil {
		return nil, err
	}
	b, err := a.Rejects.Board(ctx, at, dose.Last(12, a.Now().In(here.Location())), reject.Filter{})
	if err != nil {
		return nil, err
	}
	all := []apiRejectRate{}
	for i := range b.Rooms {
		r := &b.Rooms[i]
		for j := range r.Months {
			m := &r.Months[j]
			x := apiRejectRate{Room: r.Room, Month: m.Month, Rejected: m.Rejected, Exposures: m.All(), Tests: m.Tests, Images: m.Images}
			if rate, known := m.Rate(); known {
				low, high := m.Interval(b.Coverage)
				x.Rate, x.Interval = &rate, &apiInterval{low, high, b.Coverage}
			}
			share, known := m.Complete()
			if known {
				x.Complete = &share
			}
			x.Incomplete = b.Incomplete(share, known)
			all = append(all, x)
		}
	}
	return pageWithin(ctx, in.Paging, all, func(x apiRejectRate) string { return x.Room + " " + x.Month }, func(x apiRejectRate) apiRejectRate { return x })
}

type takeRejects struct {
	Body struct {
		Vendor   string            `json:"vendor" minLength:"1" maxLength:"200"`
		Release  string            `json:"release,omitempty" maxLength:"200" doc:"version of the software"`
		Columns  map[string]string `json:"columns,omitempty" doc:"by field, the name of the column: machine, date, time, exam, view, rejected, reason, exposure_index"`
		Rejected string            `json:"rejected,omitempty" maxLength:"500" doc:"what the log writes of a rejected exposure; several with semicolons"`
		Accepted string            `json:"accepted,omitempty" maxLength:"500"`
		All      bool              `json:"all,omitempty" doc:"the log holds rejected exposures alone"`
		Days     string            `json:"days,omitempty" enum:"dmy,mdy" doc:"order of days written as 03/04/2026"`
		Machine  string            `json:"machine,omitempty" maxLength:"200" doc:"of all rows: id, serial number, or a room with one machine"`
		Trial    bool              `json:"trial,omitempty" doc:"only say what would happen"`
		File     string            `json:"file" maxLength:"90000000" doc:"the log, in Base64"`
	}
}

// An apiRejectLog is what became of a log.
type apiRejectLog struct {
	ID       string           `json:"id,omitempty" doc:"left out of a trial"`
	Rows     int              `json:"rows"`
	Taken    int              `json:"taken"`
	Rejected int              `json:"rejected" doc:"of those taken"`
	Left     int              `json:"left" doc:"rows that were left out"`
	Wrong    []apiRejectWrong `json:"wrong" doc:"why, at most 1000"`
}

// An apiRejectWrong is what is wrong with a row.
type apiRejectWrong struct {
	Line   int    `json:"line" doc:"from 1; the header is the first"`
	Column string `json:"column,omitempty"`
	Rule   string `json:"rule" enum:"machine,day,clock,rejected,exposure,text,twice"`
	WayOut string `json:"way_out"`
}

type takenRejects struct{ Body apiRejectLog }

func (a rejectAPI) take(ctx context.Context, in *takeRejects) (*takenRejects, error) {
	b := &in.Body
	raw, err := base64.StdEncoding.DecodeString(b.File)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "file: Base64 is needed")
	}
	l, err := a.rejectLayout(ctx, web.RejectForm{
		Vendor: b.Vendor, Release: b.Release, Columns: b.Columns, Rejected: b.Rejected, Accepted: b.Accepted, All: b.All, Days: b.Days, Machine: b.Machine,
	})
	if err != nil {
		return nil, err
	}
	t, err := a.Rejects.Import(ctx, at, access.From(ctx).ID, raw, l, b.Trial)
	if err != nil {
		return nil, err
	}
	out := &takenRejects{apiRejectLog{ID: t.Batch, Rows: t.Told.Rows, Taken: t.Taken, Rejected: t.Told.Rejected, Left: t.Told.Left, Wrong: []apiRejectWrong{}}}
	for _, w := range t.Told.Wrong {
		out.Body.Wrong = append(out.Body.Wrong, apiRejectWrong{w.Line, w.Column, w.Rule, rejectWays[w.Rule]})
	}
	return out, nil
}

type undoRejects struct {
	ID string `path:"id" maxLength:"36"`
}

func (a rejectAPI) undo(ctx context.Context, in *undoRejects) (*struct{}, error) {
	return nil, a.Rejects.Undo(ctx, at, access.From(ctx).ID, in.ID)
}
