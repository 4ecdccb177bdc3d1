package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/uid"
	"radagora/fault"
)

type storageCmd struct {
	Status storageStatusCmd `cmd:"" help:"Tell what is kept where, how much room is left, and what was found damaged."`
	Scrub  storageScrubCmd  `cmd:"" help:"Compare objects with their digests, and mend what a second place has whole."`
	Tidy   storageTidyCmd   `cmd:"" help:"Seal, move, repack and copy packs now."`
	Delete storageDeleteCmd `cmd:"" help:"Delete a study, series or instance, with a reason."`
	Undo   storageUndoCmd   `cmd:"" help:"Bring back what was deleted, while there is time."`
	Trash  storageTrashCmd  `cmd:"" help:"List what was deleted."`
	Hold   storageHoldCmd   `cmd:"" help:"Keep a study or a person's studies from being deleted."`
	Lift   storageLiftCmd   `cmd:"" help:"End a hold."`
	Holds  storageHoldsCmd  `cmd:"" help:"List holds."`
	Keep   storageKeepCmd   `cmd:"" help:"Say what is kept of what a peer sends: everything, or reports and headers."`

	Retention storageRetentionCmd `cmd:"" help:"Say how long studies are kept, and approve what goes."`
}

// besideServer is said of commands that keep no object.
const besideServer = "Works while \"radagora serve\" runs, too."

// needsFolder is said in the help of commands that open the packs.
const needsFolder = "Needs the data folder for itself, unless packs are in an object store: use the page Storage while \"radagora serve\" runs."

type storageStatusCmd struct {
	settings
	JSON bool `help:"Write JSON."`
}

func (storageStatusCmd) Help() string {
	return `Prints room and forecast, how far the scrub is, how far the second place is behind, and what is damaged.
` + needsFolder + `

Example:

    radagora storage status --data /var/lib/radagora`
}

// Run prints how storage stands.
func (c storageStatusCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := h.Archive.Survey(ctx); err != nil {
			return err
		}
		st, err := h.storage(ctx, c.settings)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(sys.Out).Encode(st)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintf(w, "packs\t%d\t%s\n", st.Packs, bytesText(st.Bytes))
		fmt.Fprintf(w, "room left\t%s\t%s\n", bytesText(st.Left), st.full())
		fmt.Fprintf(w, "read at least once\t%s\t%s\n", bytesText(st.Read), since(st.Oldest))
		fmt.Fprintf(w, "damaged\t%d\t\n", st.Damaged)
		if st.Second {
			fmt.Fprintf(w, "second place\t%s copied\t%s in %d packs are not\n", bytesText(st.Copied), bytesText(st.Uncopied), st.LatePacks)
		} else {
			fmt.Fprintf(w, "second place\tnone\t\n")
		}
		return w.Flush()
	})
}

func since(t time.Time) string {
	if t.IsZero() {
		return "not all of it yet"
	}
	return "all of it since " + t.UTC().Format("2006-01-02 15:04 MST")
}

// A storageStatus is how storage stands.
type storageStatus struct {
	archive.ScrubState
	Left     int64
	ReadOnly bool
	Second   bool
	Forecast archive.Forecast `json:"-"`
	Days     *float64         // until the room is used up; nil if that cannot be said, or never
	DailyN   int              // days the forecast rests on
	Daily    int64
}

// full says when the room will be used up.
func (s storageStatus) full() string {
	switch {
	case s.ReadOnly:
		return "read only: nothing more is taken"
	case s.DailyN == 0:
		return "no forecast yet: too few days"
	case s.Days == nil:
		return "nothing comes"
	}
	return fmt.Sprintf("%.0f days at %s a day (n = %d days; %.0f to %.0f)", *s.Days, bytesText(s.Daily), s.DailyN, s.Forecast.Sooner, math.Min(s.Forecast.Late, 99999))
}

// forecastDays is on how many days a forecast rests.
const forecastDays = 56

// storage returns how storage stands.
func (h *house) storage(ctx context.Context, s settings) (st storageStatus, err error) {
	if st.ScrubState, err = h.Archive.ScrubState(ctx); err != nil {
		return st, err
	}
	st.Left, st.ReadOnly = s.room(h)
	st.Second = h.Second != nil
	used, err := h.Archive.Usage(ctx, h.Now().AddDate(0, 0, -forecastDays))
	if err != nil {
		return st, err
	}
	st.Forecast = archive.Foresee(used, h.Now(), st.Left)
	st.DailyN, st.Daily = st.Forecast.N, int64(st.Forecast.Daily)
	if days := st.Forecast.Days; st.DailyN > 0 && !math.IsInf(days, 0) {
		st.Days = &days
	}
	return st, nil
}

type storageScrubCmd struct {
	settings
	All bool `help:"Read every pack, also those read lately."`
}

func (storageScrubCmd) Help() string {
	return `Reads packs that are due, those first that were not read for longest, as fast as the disk can. What is damaged
is put again from the second place, if that has it whole. Exits with 1 if damage is left.
` + needsFolder + `

Example:

    radagora storage scrub --data /var/lib/radagora --all`
}

// Run reads packs.
func (c storageScrubCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		o := archive.ScrubOptions{Every: c.scrub().Every}
		if c.All {
			o.Every = 0
		}
		did, err := h.Archive.Scrub(ctx, o)
		if err != nil {
			return err
		}
		fmt.Fprintf(sys.Out, "read: %d packs, %d objects, %s\n", did.Packs, did.Objects, bytesText(did.Bytes))
		all, err := h.Archive.Damages(ctx, 1000)
		left := 0
		for _, d := range all {
			if d.Mended.IsZero() {
				left++
				fmt.Fprintf(sys.Out, "damaged: %s %s, found %s\n", d.SOP, d.Ref, d.Found.UTC().Format(time.RFC3339))
			}
		}
		if err == nil && left > 0 {
			err = fault.Errorf(fault.Conflict, "%d objects are damaged and cannot be mended", left)
		}
		if err == nil {
			_, err = fmt.Fprintf(sys.Out, "mended: %d; nothing damaged is left\n", did.Mended)
		}
		return err
	})
}

type storageTidyCmd struct{ settings }

func (storageTidyCmd) Help() string {
	return `Does at once what serve does every quarter of an hour: seals packs that are old enough, moves them to the object
store, wins room from what was deleted, and copies packs to the second place.
` + needsFolder + `

Example:

    radagora storage tidy --data /var/lib/radagora --second /mnt/copies`
}

// Run tidies.
func (c storageTidyCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := h.Archive.EmptyTrash(ctx); err != nil {
			return err
		}
		if _, err := h.Archive.RemoveErased(ctx); err != nil {
			return err
		}
		if h.Tier != nil || h.Second != nil {
			h.Packs.SealOld(h.Now().Add(time.Second), 0)
		}
		if err := h.tidyPacks(ctx, c.settings); err != nil {
			return err
		}
		n, err := h.Archive.CopySecond(ctx)
		if err == nil {
			_, err = fmt.Fprintf(sys.Out, "tidied; %d packs copied to the second place\n", n)
		}
		return err
	})
}

// targetFlags name a study, series or instance.
type targetFlags struct {
	Study  string `required:"" placeholder:"UID" help:"Study Instance UID."`
	Series string `placeholder:"UID" help:"Series Instance UID, for one series of it."`
	SOP    string `name:"sop" placeholder:"UID" help:"SOP Instance UID, for one instance of that."`
}

// target reads the UIDs.
func (f targetFlags) target() (t archive.Target, err error) {
	for _, x := range []struct {
		text string
		to   *uid.UID
	}{{f.Study, &t.Study}, {f.Series, &t.Series}, {f.SOP, &t.SOP}} {
		if x.text == "" {
			continue
		}
		u, failed := uid.Parse(x.text)
		*x.to, err = u, errors.Join(err, failed)
	}
	if err != nil {
		return t, wrong("not a UID: %w", err)
	}
	return t, nil
}

type storageDeleteCmd struct {
	settings
	targetFlags
	Reason string `required:"" placeholder:"TEXT" help:"Why; it is kept and journalled."`
}

func (storageDeleteCmd) Help() string {
	return `Takes it out of all lists at once. Until the days of --trash-days have passed it can be brought back; then its
bytes are removed from the packs and from their copies. What is held is not deleted.
` + needsFolder + `

Example:

    radagora storage delete --data /var/lib/radagora --study 1.2.3 --reason "sent to the wrong archive"`
}

// Run deletes.
func (c storageDeleteCmd) Run(ctx context.Context, sys *system) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.ObjectDelete); err != nil {
			return err
		}
		d, err := h.Archive.Delete(ctx, at, t, archive.ByPerson, c.Reason)
		if err == nil {
			_, err = fmt.Fprintf(sys.Out, "deleted: %s: %d objects, %s; until %s: radagora storage undo %s\n", d.Level, d.Objects, bytesText(d.Bytes), d.Due.UTC().Format(time.RFC3339), d.ID)
		}
		return err
	})
}

type storageUndoCmd struct {
	settings
	ID string `arg:"" help:"Id of the deletion, as \"radagora storage trash\" lists it."`
}

func (storageUndoCmd) Help() string {
	return `Brings back what was deleted, as long as its bytes are there.
` + needsFolder + `

Example:

    radagora storage undo --data /var/lib/radagora 0198c0de-0001-7000-8000-000000000001`
}

// Run brings back.
func (c storageUndoCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.ObjectDelete); err != nil {
			return err
		}
		if err := h.Archive.Undo(ctx, at, c.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintln(sys.Out, "brought back")
		return err
	})
}

type storageTrashCmd struct{ settings }

func (storageTrashCmd) Help() string {
	return `Lists what was deleted, the latest first: when, what, by whom, why, and until when it can be brought back.

Example:

    radagora storage trash --data /var/lib/radagora`
}

// Run lists deletions.
func (c storageTrashCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.Archive.Deletions(ctx, at, 1000)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		for _, d := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d objects\t%s\tuntil %s\t%s\n", d.ID, d.State, d.Level, d.Study, d.Objects, d.Actor, d.Due.UTC().Format("2006-01-02 15:04"), d.Reason)
		}
		return w.Flush()
	})
}

type storageHoldCmd struct {
	settings
	Study  string `placeholder:"UID" help:"Hold this study."`
	Person string `placeholder:"ID" help:"Hold all studies of the person with this patient ID."`
	Issuer string `placeholder:"ISSUER" help:"Issuer of the patient ID."`
	Reason string `required:"" placeholder:"TEXT" help:"Why."`
}

func (storageHoldCmd) Help() string {
	return `Keeps a study, or all studies of a person, from being deleted, from running out and from being erased, until
somebody lifts the hold.
` + needsFolder + `

Example:

    radagora storage hold --data /var/lib/radagora --study 1.2.3 --reason "claim 17/2026"`
}

// Run holds.
func (c storageHoldCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.HoldChange); err != nil {
			return err
		}
		person := ""
		if c.Person != "" {
			person = h.Archive.Key(c.Issuer, c.Person)
		}
		id, err := h.Archive.Hold(ctx, at, c.Study, person, c.Reason)
		if err == nil {
			_, err = fmt.Fprintf(sys.Out, "held: radagora storage lift %s\n", id)
		}
		return err
	})
}

type storageLiftCmd struct {
	settings
	ID     string `arg:"" help:"Id of the hold."`
	Reason string `required:"" placeholder:"TEXT" help:"Why."`
}

func (storageLiftCmd) Help() string {
	return `Ends a hold. It stays in the list and in the journal.
` + needsFolder + `

Example:

    radagora storage lift --data /var/lib/radagora 0198c0de-0001-7000-8000-000000000001 --reason "settled"`
}

// Run lifts.
func (c storageLiftCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.HoldChange); err != nil {
			return err
		}
		if err := h.Archive.Lift(ctx, at, c.ID, c.Reason); err != nil {
			return err
		}
		_, err := fmt.Fprintln(sys.Out, "lifted")
		return err
	})
}

type storageHoldsCmd struct{ settings }

func (storageHoldsCmd) Help() string {
	return `Lists holds, those that hold first. A person is not named.

Example:

    radagora storage holds --data /var/lib/radagora`
}

// Run lists holds.
func (c storageHoldsCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.Archive.Holds(ctx, at)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		for _, x := range all {
			what, state := x.Study, "holds"
			if what == "" {
				what = "a person"
			}
			if !x.Lifted.IsZero() {
				state = "lifted"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", x.ID, state, what, x.Actor, x.Reason)
		}
		return w.Flush()
	})
}

type storageKeepCmd struct {
	settings
	From   string        `placeholder:"TITLE" help:"Application entity title of the peer; any peer without it."`
	To     string        `placeholder:"TITLE" help:"Title of ours that it is sent to (see radagora title); any without it."`
	After  time.Duration `default:"24h" help:"Drop pixels so long after they came."`
	Reason string        `placeholder:"TEXT" help:"Why, kept beside the rule."`
	All    bool          `help:"Keep everything again of what comes from now on."`
}

func (storageKeepCmd) Help() string {
	return `Has pixels dropped of what a peer sends, of what is sent to a title of ours, or of what that peer sends there, a time
after it came, in which dose is read from the headers: reports and headers stay. Only what comes from then on is reduced;
what came before, comes to another title, or comes once more for the archive stays whole. The digest of what was received
stays recorded, each drop is journalled, and what is held is left alone. Dropped pixels cannot be brought back; who sends
the objects again for the archive makes them whole.
` + needsFolder + `

Example:

    radagora storage keep --data /var/lib/radagora --from CT1 --to DOSE --after 24h --reason "images are in the PACS"`
}

// Run makes or ends the rule.
func (c storageKeepCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.ObjectDelete); err != nil {
			return err
		}
		if c.From+c.To == "" {
			return wrong("storage keep: name a peer (--from), a title of ours (--to), or both")
		}
		if c.All {
			return h.Archive.KeepAll(ctx, at, c.From, c.To)
		}
		if c.To == c.AE {
			return wrong("storage keep: %s is the title of the archive itself: what arrives there stays whole; name a title of its own (radagora title)", c.To)
		}
		if c.Reason == "" {
			return wrong("storage keep: say why (--reason)")
		}
		return h.Archive.KeepHeaders(ctx, archive.KeepRule{Site: at, CallingAE: c.From, CalledAE: c.To, After: c.After, Reason: c.Reason})
	})
}
