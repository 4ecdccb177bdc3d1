package main

import (
	"context"
	"crypto/rand"
	"strconv"

	"radagora/access"
	"radagora/audit"
	"radagora/db"
	"radagora/job"
	"radagora/notice"
)

// openAudit opens the room of clinical audits. It comes after the registry of evidence.
func (h *house) openAudit(ctx context.Context) error {
	h.Audits = &audit.Desk{
		DB: h.DB, Journal: h.Journal, Content: h.Content, Evidence: h.Evidence, Site: h.Sites.Site, Random: rand.Reader, Now: h.Now, Tell: h.tellAudit,
	}
	if err := h.DB.Migrate(ctx, "audit", audit.Migrations()); err != nil {
		return err
	}
	here, err := h.Sites.Site(ctx, at)
	if err != nil {
		return err
	}
	h.Jobs.Every("audit-reminders", job.Clock{Weekday: -1, Hour: 6, Minute: 20, Zone: here.Location()}, func(ctx context.Context) error { return h.Audits.Remind(ctx, at) })
	return nil
}

// soonDays are the days before the due date on which the first notice may go out: the
// first week of the time that the content sets.
const soonDays = 7

// tellAudit tells whom an action or a re-audit belongs to: once as many days before as the
// content says, and from the day on every week, then managers too. A notice says which
// page, and no more. Who has no account here is told through managers.
func (h *house) tellAudit(ctx context.Context, tx *db.Tx, r audit.Reminder) error {
	s, err := h.Audits.Settings(r.Site)
	if err != nil {
		return err
	}
	m := notice.Message{Site: r.Site, Kind: "audit." + r.Kind + ".due", Path: auditPath(r.Number), Args: map[string]string{"day": r.Due}}
	when := "soon"
	switch {
	case r.Today:
		when, m.Severity, m.Roles = "day", notice.Warning, []access.Role{access.Manager}
	case r.Left <= s.RemindDays-soonDays:
		return nil
	}
	if who, err := h.Users.User(ctx, r.Owner); err == nil {
		m.To = []string{who.ID}
	} else {
		m.Roles = []access.Role{access.Manager}
	}
	return h.Notices.Once(ctx, tx, "audit "+r.Kind+" "+r.ID+" "+r.Due+" "+when, m)
}

// auditPath is the page of an audit.
func auditPath(number int64) string { return "/quality/audits/" + strconv.FormatInt(number, 10) }
