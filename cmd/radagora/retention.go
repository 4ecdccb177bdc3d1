package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/content"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/job"
	"radagora/notice"
	"radagora/site"
)

// A retentionRule is a row of the content about how long studies are kept.
type retentionRule struct {
	archive.RetentionRule
	Country  string
	Meaning  map[string]string // by language
	Law      string
	Verified bool // the law was read
	Source   string
	Draft    bool // the set is
}

// anyModality is how the content says that a rule is about all of them.
const anyModality = "any"

// retentionContent reads the rules of a library.
func retentionContent(library *content.Library) ([]retentionRule, error) {
	const set = "archive/retention"
	table, err := library.Table(site.Default, set, "rules")
	if err != nil {
		return nil, err
	}
	draft := true
	for _, line := range library.List(site.Default) {
		if line.ID == set {
			draft = line.Status == content.Draft
		}
	}
	var all []retentionRule
	for row := range table.All() {
		r := retentionRule{Country: row.Text("country"), Law: row.Text("law"), Verified: row.Yes("verified"), Source: row.Text("source"), Draft: draft, Meaning: map[string]string{}}
		r.ID, r.LastRecord = row.Text("rule"), row.Text("since") == "last_record"
		if list := row.List("modalities"); len(list) != 1 || list[0] != anyModality {
			r.Modalities = list
		}
		r.Years, _ = row.Int("years")
		r.FromAge, _ = row.Int("from_age")
		r.BelowAge, _ = row.Int("below_age")
		r.UntilAge, _ = row.Int("until_age")
		for _, l := range []string{"en", "de", "fr"} {
			r.Meaning[l] = row.Text("meaning_" + l)
		}
		all = append(all, r)
	}
	return all, nil
}

// retention returns what the studies of the site are judged by.
func (h *house) retention(ctx context.Context) (archive.Retention, error) {
	rules, err := retentionContent(h.Content)
	if err != nil {
		return archive.Retention{}, err
	}
	here, err := h.Sites.Site(ctx, at)
	if err != nil {
		return archive.Retention{}, err
	}
	r := archive.Retention{Today: h.Now().In(here.Location()).Format("20060102")}
	for _, rule := range rules {
		r.Rules = append(r.Rules, rule.RetentionRule)
	}
	r.Same = func(ctx context.Context, q db.Querier, site, person string) ([]string, error) {
		return h.Persons.KeysIn(ctx, q, site, person)
	}
	return r, nil
}

// scheduleRetention has the list of studies made whose time is over, every night.
func (h *house) scheduleRetention(zone *time.Location) {
	h.Jobs.Every("storage-retention", job.Clock{Weekday: -1, Hour: 2, Minute: 20, Zone: zone}, h.findDue, job.Limit(6*time.Hour))
	h.Jobs.Handle("storage.retention.now", func(ctx context.Context, _ job.Job) error { return h.findDue(ctx) }, job.Limit(6*time.Hour))
}

// retentionKey names the state of the list for notices.
const retentionKey = "storage retention"

// findDue makes the list of studies whose time is over, and tells stewards if there are
// any: they decide.
func (h *house) findDue(ctx context.Context) error {
	r, err := h.retention(ctx)
	if err != nil {
		return err
	}
	all, fresh, err := h.Archive.FindDue(ctx, at, r)
	if err != nil {
		return err
	}
	return h.DB.Write(ctx, func(tx *db.Tx) error {
		if all == 0 {
			return h.Notices.Clear(ctx, tx, retentionKey)
		}
		if fresh == 0 {
			return nil
		}
		return h.Notices.Once(ctx, tx, retentionKey, notice.Message{
			Roles: []access.Role{access.Steward}, Site: at, Kind: "storage.retention.due",
			Args: map[string]string{"n": fmt.Sprint(min(all, 999999))}, Path: "/settings/storage", Severity: notice.Info,
		})
	})
}

type storageRetentionCmd struct {
	Rules   retentionRulesCmd   `cmd:"" help:"List the rules of the content, and which govern here."`
	Govern  retentionGovernCmd  `cmd:"" help:"Let a rule govern here."`
	End     retentionEndCmd     `cmd:"" help:"Let a rule govern no more."`
	Due     retentionDueCmd     `cmd:"" help:"List studies whose time is over."`
	Approve retentionApproveCmd `cmd:"" help:"Delete studies of that list."`
	Keep    retentionKeepCmd    `cmd:"" help:"Keep a study whatever the rules say."`
	Release retentionReleaseCmd `cmd:"" help:"Let the rules speak about a study again."`
}

type retentionRulesCmd struct{ settings }

func (retentionRulesCmd) Help() string {
	return `Rules are content of the kind archive_retention; none governs until somebody at the site says so.
` + needsFolder + `

Example:

    radagora storage retention rules --data /var/lib/radagora`
}

// Run lists rules.
func (c retentionRulesCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		rules, err := retentionContent(h.Content)
		if err != nil {
			return err
		}
		said, err := h.Archive.Governing(ctx, at)
		if err != nil {
			return err
		}
		governs := map[string]archive.Governs{}
		for _, g := range said {
			governs[g.Rule] = g
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		for _, r := range rules {
			state := "-"
			if g, ok := governs[r.ID]; ok {
				state = fmt.Sprintf("governs, %d years", max(r.Years, g.Years))
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.ID, state, r.Meaning["en"], r.Law)
		}
		return w.Flush()
	})
}

type retentionGovernCmd struct {
	settings
	Rule   string `arg:"" help:"Id of the rule."`
	Years  int    `placeholder:"N" help:"Keep for at least so many years, if the rule says fewer."`
	Reason string `required:"" placeholder:"TEXT" help:"Why; it is kept."`
}

func (retentionGovernCmd) Help() string {
	return `Nothing goes by that: studies whose time is over are listed every night, and somebody approves.
` + needsFolder + `

Example:

    radagora storage retention govern fr.hospital --data /var/lib/radagora --reason "decided by the board"`
}

// Run lets a rule govern.
func (c retentionGovernCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		return h.govern(ctx, c.Rule, c.Years, c.Reason)
	})
}

// govern lets a rule of the content govern.
func (h *house) govern(ctx context.Context, rule string, years int, reason string) error {
	if err := may(ctx, access.ObjectDelete); err != nil {
		return err
	}
	rules, err := retentionContent(h.Content)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.ID == rule {
			return h.Archive.Govern(ctx, at, rule, years, reason)
		}
	}
	return notFound("rule of retention")
}

type retentionEndCmd struct {
	settings
	Rule string `arg:"" help:"Id of the rule."`
}

func (retentionEndCmd) Help() string {
	return `What only this rule covered is kept from now on.
` + needsFolder + `

Example:

    radagora storage retention end fr.hospital --data /var/lib/radagora`
}

// Run ends a rule.
func (c retentionEndCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.ObjectDelete); err != nil {
			return err
		}
		return h.Archive.Ungovern(ctx, at, c.Rule)
	})
}

type retentionDueCmd struct {
	settings
	Limit int `default:"200" help:"At most so many."`
}

func (retentionDueCmd) Help() string {
	return `Makes the list anew first, as serve does every night.
` + needsFolder + `

Example:

    radagora storage retention due --data /var/lib/radagora`
}

// Run lists what is due.
func (c retentionDueCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := h.findDue(ctx); err != nil {
			return err
		}
		list, n, err := h.Archive.Due(ctx, at, c.Limit)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		for _, d := range list {
			held := ""
			if d.Held {
				held = "held"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\tuntil %s\t%s\t%d objects\t%s\t%s\n", d.Study, strings.Join(d.Modalities, " "), d.Day, d.Until, d.Rule, d.Objects, bytesText(d.Bytes), held)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "%d studies are due\n", n)
		return err
	})
}

type retentionApproveCmd struct {
	settings
	Study  []string `required:"" placeholder:"UID" help:"Study Instance UID; can be repeated."`
	Reason string   `required:"" placeholder:"TEXT" help:"Why; it is kept and journalled."`
}

func (retentionApproveCmd) Help() string {
	return `What somebody else approved before is deleted; what nobody has waits until a second person approves it here or on the
page Storage, unless the site decided otherwise (--retain-alone). On this command line everybody is the same person.
Each study is judged once more. Until the days of --trash-days have passed it can be brought back; then its bytes
are removed from the packs and their copies. What is held stays.
` + needsFolder + `

Example:

    radagora storage retention approve --data /var/lib/radagora --study 1.2.3 --reason "period is over"`
}

// Run deletes.
func (c retentionApproveCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		made, err := h.approveDue(ctx, c.RetainAlone, c.Study, c.Reason)
		for _, study := range made.Waits {
			fmt.Fprintf(sys.Out, "waits for a second person: %s\n", study)
		}
		for _, d := range made.Gone {
			fmt.Fprintf(sys.Out, "deleted: %s: %d objects, %s; until %s: radagora storage undo %s\n", d.Study, d.Objects, bytesText(d.Bytes), d.Due.UTC().Format(time.RFC3339), d.ID)
		}
		for study, why := range made.Stay {
			fmt.Fprintf(sys.Out, "stays: %s: %v\n", study, why)
		}
		if err == nil && len(made.Stay) > 0 {
			err = fmt.Errorf("%d studies stay", len(made.Stay))
		}
		return err
	})
}

// approveDue deletes studies of the list: alone says that one person suffices.
func (h *house) approveDue(ctx context.Context, alone bool, studies []string, reason string) (archive.Approval, error) {
	if err := may(ctx, access.ObjectDelete); err != nil {
		return archive.Approval{}, err
	}
	r, err := h.retention(ctx)
	if err != nil {
		return archive.Approval{}, err
	}
	r.Alone = alone
	uids := make([]uid.UID, len(studies))
	for i, text := range studies {
		if uids[i], err = uid.Parse(text); err != nil {
			return archive.Approval{}, wrong("not a UID: %w", err)
		}
	}
	return h.Archive.Approve(ctx, at, r, uids, reason)
}

type retentionKeepCmd struct {
	settings
	Study  string `required:"" placeholder:"UID" help:"Study Instance UID."`
	Reason string `required:"" placeholder:"TEXT" help:"Why; it is kept."`
}

func (retentionKeepCmd) Help() string {
	return `Unlike a hold this does not keep anybody from deleting the study by hand, or a person from being erased.
` + needsFolder + `

Example:

    radagora storage retention keep --data /var/lib/radagora --study 1.2.3 --reason "teaching file"`
}

// Run keeps a study.
func (c retentionKeepCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error { return h.keepStudy(ctx, c.Study, c.Reason) })
}

// keepStudy keeps a study whatever the rules say; without a reason they speak again.
func (h *house) keepStudy(ctx context.Context, study, reason string) error {
	if err := may(ctx, access.ObjectDelete); err != nil {
		return err
	}
	u, err := uid.Parse(study)
	if err != nil {
		return wrong("not a UID: %w", err)
	}
	if reason == "" {
		return h.Archive.UnkeepStudy(ctx, at, u)
	}
	return h.Archive.KeepStudy(ctx, at, u, reason)
}

type retentionReleaseCmd struct {
	settings
	Study string `required:"" placeholder:"UID" help:"Study Instance UID."`
}

func (retentionReleaseCmd) Help() string {
	return `The rules speak about it again in the next night.
` + needsFolder + `

Example:

    radagora storage retention release --data /var/lib/radagora --study 1.2.3`
}

// Run lets the rules speak again.
func (c retentionReleaseCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error { return h.keepStudy(ctx, c.Study, "") })
}
