package web

import (
	"context"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Backups knows how the backups stand, and has one made or verified.
type Backups interface {
	Backups(ctx context.Context) (BackupsPage, error)
	// Do has a backup made ("run") or the latest verified ("verify"), soon.
	// Conflict: something is being done.
	Do(ctx context.Context, what string) error
}

// A BackupsPage is what the page shows.
type BackupsPage struct {
	Configured  bool
	Target      string
	Continuous  string // folder of the continuous copy, "" if there is none
	Every       time.Duration
	Keep        string // as the setting has it
	Fingerprint string
	Doing       string // run, verify or ""

	Last     BackupRun // the last good one; zero if there never was one
	Next     time.Time
	Late     bool
	Away     bool      // the target does not have the last good one
	Failed   BackupRun // the last one, if it failed
	Verified BackupRun
	List     []Backup
	Broken   bool // the target cannot be read

	Erasures int       // that are noted
	Until    time.Time // when the last backup goes that holds what is erased now; zero if none does, or for ever
	Forever  bool
}

// A BackupRun is a backup or verification that ended.
type BackupRun struct {
	ID          string
	At          time.Time // as of when; of one that failed, when it ended
	Age         time.Duration
	Size, Added int64 // bytes
	Error       string
}

// A Backup is one that can be restored.
type Backup struct {
	ID          string
	At          time.Time
	Until       time.Time // the zero time for ever
	Size, Added int64
	Objects     int64
}

// backupPage shows how the backups stand.
func (s *server) backupPage(v *visit) error {
	pg, err := s.Backups.Backups(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.backup"), lead: v.p.T("backup.lead"), section: "/settings/backup"}, backupBody(v, pg))
}

// backupDo has one made or verified.
func (s *server) backupDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	what := v.r.PostForm.Get("do")
	err := s.Backups.Do(v.r.Context(), what)
	if err != nil && fault.Of(err) == fault.Conflict {
		return v.back("/settings/backup", "backup_busy")
	}
	if err != nil {
		return err
	}
	return v.back("/settings/backup", "backup_"+what)
}

// size shows a number of bytes.
func (v *visit) size(n int64) string {
	if n >= 1e9 {
		return v.p.Quantity(float64(n)/1e9, "GB")
	}
	return v.p.Quantity(float64(n)/1e6, "MB")
}

// lasting shows how long something is ago or apart, in the largest unit that fits.
func (v *visit) lasting(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return v.p.T("backup.days", lang.Args{"n": int(d.Hours() / 24)})
	case d >= 2*time.Hour:
		return v.p.T("backup.hours", lang.Args{"n": int(d.Hours())})
	}
	return v.p.T("backup.minutes", lang.Args{"n": max(0, int(d.Minutes()))})
}

// backupFacts are where we stand.
func (v *visit) backupFacts(pg BackupsPage) []face.Fact {
	facts := []face.Fact{{Label: v.p.T("backup.last"), Value: v.p.T("backup.never")}}
	if pg.Last.ID != "" {
		facts[0].Value, facts[0].Origin = v.p.T("backup.ago", lang.Args{"span": v.lasting(pg.Last.Age)}), v.p.DateTime(v.local(pg.Last.At))
	}
	aim := face.Fact{Label: v.p.T("backup.aim"), Value: v.p.T("backup.no_schedule")}
	if pg.Every > 0 {
		aim.Value = v.p.T("backup.every", lang.Args{"span": v.lasting(pg.Every)})
		aim.Origin = v.p.T("backup.next", lang.Args{"at": v.p.DateTime(v.local(pg.Next))})
	}
	verified := face.Fact{Label: v.p.T("backup.verified"), Value: v.p.T("backup.never")}
	if pg.Verified.ID != "" {
		verified.Value = v.p.DateTime(v.local(pg.Verified.At))
	}
	facts = append(facts, aim, verified, face.Fact{Label: v.p.T("backup.target"), Value: pg.Target})
	if pg.Continuous != "" {
		facts = append(facts, face.Fact{Label: v.p.T("backup.continuous"), Value: pg.Continuous})
	}
	return append(facts,
		face.Fact{Label: v.p.T("backup.keep"), Value: orElse(v.policyText(pg.Keep), v.p.T("backup.forever"))},
		face.Fact{Label: v.p.T("backup.signer"), Value: pg.Fingerprint, Origin: v.p.T("backup.signer_text"), Code: true})
}

// policyText says how long backups are kept, from the form of the setting.
func (v *visit) policyText(keep string) string {
	var parts []string
	for _, part := range strings.FieldsFunc(keep, func(c rune) bool { return c == ',' || c == ' ' }) {
		n, unit := part[:len(part)-1], part[len(part)-1:]
		parts = append(parts, v.p.T("backup.keep_"+unit, lang.Args{"n": n}))
	}
	return strings.Join(parts, ", ")
}

// erasedText says how long backups hold what is erased today.
func (v *visit) erasedText(pg BackupsPage) string {
	switch {
	case pg.Forever:
		return v.p.T("backup.erased_forever")
	case pg.Until.IsZero():
		return v.p.T("backup.erased_none")
	}
	return v.p.T("backup.erased_until", lang.Args{"at": v.local(pg.Until)})
}

// backupTable lists what can be restored.
func (v *visit) backupTable(pg BackupsPage) face.Table {
	t := face.Table{
		ID: "backups", Caption: v.p.T("backup.list"), Empty: face.Nothing(v.p.T("backup.empty"), v.p.T("backup.empty_text")),
		Columns: []face.Column{
			{Label: v.p.T("backup.as_of"), Phone: face.Name},
			{Label: v.p.T("backup.until"), Phone: face.Beside},
			{Label: v.p.T("backup.objects")},
			{Label: v.p.T("backup.size")},
			{Label: v.p.T("backup.added")},
		},
	}
	for i, b := range pg.List {
		until := v.p.T("backup.forever")
		switch {
		case i == 0:
			until = v.p.T("backup.until_next")
		case !b.Until.IsZero():
			until = v.p.Date(v.local(b.Until))
		}
		t.Rows = append(t.Rows, face.Row{ID: b.ID, Cells: []templ.Component{
			face.Words(v.p.DateTime(v.local(b.At)), b.ID), face.Words(until, ""), face.Words(v.p.Count(b.Objects), ""),
			face.Words(v.size(b.Size), ""), face.Words(v.size(b.Added), ""),
		}})
	}
	return t
}
