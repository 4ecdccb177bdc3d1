package main

import (
	"context"
	"crypto/tls"
	"slices"
	"sync"
	"time"

	"radagora/access"
	"radagora/access/trail"
	"radagora/content"
	"radagora/fault"
	"radagora/job"
	"radagora/journal"
	"radagora/site"
)

// auditSettings say where audit messages go.
type auditSettings struct {
	AuditSyslog []string `setting:"" name:"audit-syslog" placeholder:"URL" help:"Send DICOM audit messages to this syslog server, tls://HOST:6514 or tcp://HOST:PORT; it may be private; can be repeated."`
}

// targets returns the syslog servers of the settings.
func (s auditSettings) targets() ([]trail.Target, error) {
	var all []trail.Target
	for _, text := range s.AuditSyslog {
		t, err := trail.ParseTarget(text)
		if err != nil {
			return nil, wrong("--audit-syslog: %v", err)
		}
		all = append(all, t)
	}
	return all, nil
}

// addresses are those of the syslog servers that can be read: they stand in the
// settings, so they may be private.
func (s auditSettings) addresses() []string {
	var all []string
	for _, text := range s.AuditSyslog {
		if t, err := trail.ParseTarget(text); err == nil {
			all = append(all, t.Address)
		}
	}
	return all
}

// A journalCare verifies and prunes the journal and remembers what it found.
type journalCare struct {
	mu      sync.Mutex
	running time.Time // since when it verifies; the zero time if it does not
	ended   time.Time // when it last ended
	report  journal.Report
	err     error
}

// state returns what is known of the last verification and whether one runs.
func (c *journalCare) state() (running, ended time.Time, report journal.Report, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running, c.ended, c.report, c.err
}

// begin reports whether nobody verifies already, and notes that somebody does now.
func (c *journalCare) begin(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.running.IsZero() {
		return false
	}
	c.running = now
	return true
}

func (c *journalCare) end(now time.Time, r journal.Report, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running, c.ended, c.report, c.err = time.Time{}, now, r, err
}

// verifyJournal verifies the journal against its own heads and those of the data
// folder. What it found is remembered, and logged if it is bad.
func (h *house) verifyJournal(ctx context.Context) error {
	if !h.care.begin(h.Now()) {
		return nil
	}
	kept, err := h.keptHeads()
	var report journal.Report
	if err == nil {
		report, err = h.Journal.Verify(ctx, kept...)
	}
	h.care.end(h.Now(), report, err)
	if b := report.Break; err == nil && b != nil {
		h.Log.ErrorContext(ctx, "the journal is broken", "entry", b.Seq, "reason", b.Reason)
	}
	return err
}

// careDaily verifies the journal and drops what no rule keeps any longer.
func (h *house) careDaily(ctx context.Context) error {
	if err := h.verifyJournal(ctx); err != nil {
		return err
	}
	if _, _, report, _ := h.care.state(); report.Break != nil {
		return nil // what is broken is evidence
	}
	rules, err := h.retentionRules()
	if err != nil {
		return err
	}
	got, err := h.Journal.Retain(ctx, rules, journal.Entry{Site: site.Default, Actor: access.System("journal").ID})
	if err == nil && got.Unread != "" {
		h.Log.WarnContext(ctx, "the journal could be shorter", "unread_by", got.Unread)
	}
	return err
}

// scheduleCare has the journal verified and pruned each night.
func (h *house) scheduleCare(zone *time.Location) {
	h.Jobs.Every("journal-care", job.Clock{Weekday: -1, Hour: 3, Minute: 10, Zone: zone}, h.careDaily, job.Limit(12*time.Hour))
}

// retentionRules returns the rules of the installation, and the floors that the
// program brings whatever the installation replaced.
func (h *house) retentionRules() ([]journal.Rule, error) {
	brought, err := content.Open()
	if err != nil {
		return nil, err
	}
	rules, err := rulesOf(h.Content, func(journal.Rule) bool { return true })
	if err != nil {
		return nil, err
	}
	floors, err := rulesOf(brought, func(r journal.Rule) bool { return r.Floor })
	if err != nil {
		return nil, err
	}
	for _, library := range []*content.Library{brought, h.Content} {
		law, err := lawOf(library)
		if err != nil {
			return nil, err
		}
		floors = append(floors, law...)
	}
	for _, f := range floors {
		met := false
		for _, r := range rules {
			met = met || r.ID == f.ID && r.Kind == f.Kind && r.Personal == f.Personal && r.Days >= f.Days
		}
		if !met {
			rules = append(rules, f)
		}
	}
	return rules, nil
}

// lawOf returns what the rules of retention of a library say of the journal: how long
// each access is kept, in any country, for one journal holds all sites. It is the same
// table that the record of processing shows.
func lawOf(library *content.Library) ([]journal.Rule, error) {
	t, err := library.Table(site.Default, "law/retention", "rules")
	if err != nil {
		return nil, err
	}
	var rules []journal.Rule
	for row := range t.All() {
		amount, _ := row.Int("amount")
		r := journal.Rule{
			ID: row.Text("rule"), Kind: "*", Personal: true, Floor: true, Days: daysIn(amount, row.Text("unit")),
			Why: row.Text("meaning_en"), Source: row.Text("law"),
		}
		if row.Text("since") == "each_access" && slices.Contains(row.List("rooms"), "journal") && r.Days > 0 {
			rules = append(rules, r)
		}
		if err := row.Err(); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

// daysIn returns the most days that a span can have.
func daysIn(amount int, unit string) int {
	switch unit {
	case "day":
		return amount
	case "month":
		return 31 * amount
	case "year":
		return 365*amount + (amount+3)/4 // with the leap days
	}
	return 0
}

// rulesOf reads the rules of a library.
func rulesOf(library *content.Library, want func(journal.Rule) bool) ([]journal.Rule, error) {
	var rules []journal.Rule
	for _, set := range library.OfKind(site.Default, "journal_retention") {
		table, err := set.Table("rules")
		if err != nil {
			return nil, err
		}
		for row := range table.All() {
			days, _ := row.Int("days")
			r := journal.Rule{
				ID: row.Text("rule_id"), Kind: row.Text("kind"), Personal: row.Text("about") == "person", Days: days,
				Why: row.Text("why"), Source: row.Text("source"), Floor: row.Text("floor") == "yes",
			}
			if err := row.Err(); err != nil {
				return nil, err
			}
			if want(r) {
				rules = append(rules, r)
			}
		}
	}
	if len(rules) == 0 {
		return nil, fault.Errorf(fault.Invalid, "no rule says how long the journal is kept: content of the kind journal_retention is missing")
	}
	return rules, nil
}

// sendAudit takes audit messages to the syslog servers of the settings.
func (h *house) sendAudit(ctx context.Context, s settings) error {
	targets, err := s.targets()
	if err != nil {
		return err
	}
	sender := trail.Sender{
		DB: h.DB, Journal: h.Journal, From: h.installation(ctx, s.origin()), Targets: targets, Now: time.Now,
		Dial: h.Out.Dial, TLS: func(name string) *tls.Config { return h.Out.TLS(name) },
	}
	return sender.Run(ctx)
}
