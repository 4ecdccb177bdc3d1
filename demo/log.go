package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"strconv"
	"time"

	"radagora/content"
)

// A step is a row of steps: from when on a room does a protocol otherwise.
type step struct {
	room, protocol string
	after          float64 // share of the year
	kvp, dose      float64 // kV; factor of dose
}

// stepped returns a scan as the room does it at that time.
func (m *maker) stepped(s *scan, r *room, at time.Time) *scan {
	for _, x := range m.steps {
		if x.room == r.id && x.protocol == s.protocol && m.span.share(at) >= x.after {
			other := *s
			other.kvp, other.ctdi = x.kvp, s.ctdi*x.dose
			return &other
		}
	}
	return s
}

// A rejectLog is a row of logs: of which days a room has a log of rejected exposures, and
// sends its images.
type rejectLog struct {
	room, vendor, release string
	back, until           int // days before the last day of the year
	share                 float64
}

// A localReason is a row of rejects: what a log writes as the reason.
type localReason struct {
	text   string
	weight float64
}

// A doseScreen is a row of screens: an examination of which a scanner sent what it
// displayed, and no report.
type doseScreen struct {
	room, clock, description string
	back                     int
	dlp, ctdi                string
}

// readLogs reads logs and screens.
func (d *department) readLogs(library *content.Library) {
	d.logs = rows(d, library, "logs", func(r *content.Row) rejectLog {
		return rejectLog{r.Text("room"), r.Text("vendor"), r.Text("release"), whole(r, "days_back"), whole(r, "until_back"), number(r, "reject_share")}
	})
	d.reasons = rows(d, library, "rejects", func(r *content.Row) localReason { return localReason{r.Text("local"), number(r, "weight")} })
	d.screens = rows(d, library, "screens", func(r *content.Row) doseScreen {
		return doseScreen{
			room: r.Text("room"), clock: r.Text("clock"), description: r.Text("description"), back: whole(r, "days_back"),
			dlp: r.Text("dlp_mgycm"), ctdi: r.Text("ctdivol_mgy"),
		}
	})
}

// A RejectLog is a log of rejected exposures as the software of a room exports it.
type RejectLog struct {
	Room, Vendor, Release string
	Columns               map[string]string // by field of dose/reject, the name of the column
	Rejected, Accepted    string            // what the log writes of them
	Data                  []byte            // CSV
}

// logged yields the radiographs of the rooms that keep a log, with the row it is of.
func (m *maker) logged(ctx context.Context, each func(l rejectLog, base report, shots []shot) error) error {
	for v := range m.visits() {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, l := range m.logs {
			end := v.start.Add(time.Duration(v.what.minutes) * time.Minute)
			if l.room != v.room.id || v.start.Before(m.span.until.AddDate(0, 0, -l.back)) || !end.Before(m.span.until) || m.silent(v.room, v.start) {
				continue
			}
			base := m.begin(v)
			if err := each(l, base, m.views(base)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Logs makes the logs of rejected exposures, one of each room that keeps one: what was
// accepted and sent as an image, and what was rejected at the machine. Errors are those of
// Objects.
func (y *Year) Logs(ctx context.Context) ([]RejectLog, error) {
	m, err := y.maker()
	if err != nil {
		return nil, err
	}
	text := map[string]*bytes.Buffer{}
	out := map[string]*csv.Writer{}
	for _, l := range m.logs {
		text[l.room] = &bytes.Buffer{}
		out[l.room] = csv.NewWriter(text[l.room])
		if err := out[l.room].Write([]string{"Station", "Date", "Time", "Exam", "View", "State", "Reason", "EI"}); err != nil {
			return nil, err
		}
	}
	err = m.logged(ctx, func(l rejectLog, base report, shots []shot) error {
		if !base.started.Before(m.span.until.AddDate(0, 0, -l.until)) {
			return nil
		}
		for _, s := range shots {
			line := func(at time.Time, state, reason string, index int64) error {
				return out[l.room].Write([]string{
					base.visit.room.station, at.Format(time.DateOnly), at.Format(time.TimeOnly), base.what.description, s.protocol, state, reason, fixed(index, 1),
				})
			}
			d := m.dice("reject", s.name)
			if d.chance(l.share) {
				reason := m.reasons[pick(d, m.reasons, func(r localReason) float64 { return r.weight })]
				if err := line(s.at.Add(-20*time.Second), "REJ", reason.text, s.index*7/10); err != nil {
					return err
				}
			}
			if err := line(s.at, "OK", "", s.index); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []RejectLog
	for _, l := range m.logs {
		out[l.room].Flush()
		all = append(all, RejectLog{
			Room: l.room, Vendor: l.vendor, Release: l.release, Data: text[l.room].Bytes(), Rejected: "REJ", Accepted: "OK",
			Columns: map[string]string{
				"machine": "Station", "date": "Date", "time": "Time", "exam": "Exam", "view": "View", "rejected": "State", "reason": "Reason", "exposure_index": "EI",
			},
		})
	}
	return all, nil
}

// screenNumber is the number of the series of what a scanner displays.
const screenNumber = 999

// fixedDay is a day before the last one, with a time of day.
func (m *maker) fixedDay(back int, clock string) (time.Time, error) {
	return time.Parse(dateLayout+" 15:04", m.span.until.AddDate(0, 0, -1-back).Format(dateLayout)+" "+clock)
}

// visitTo returns a visit that is in no volume.
func (m *maker) visitTo(x doseScreen, number int) (*visit, error) {
	at, err := m.fixedDay(x.back, x.clock)
	if err != nil {
		return nil, err
	}
	for _, r := range m.rooms {
		if r.id == x.room {
			return &visit{room: r, what: &procedure{id: "SCREEN", description: x.description}, count: 900 + number, start: at, name: "screen|" + strconv.Itoa(number)}, nil
		}
	}
	return nil, nil
}
