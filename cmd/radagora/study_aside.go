package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/uid"
)

type studyAsideCmd struct {
	settings
	ID      string `arg:"" optional:"" help:"Id of an object that is set aside, as the list shows it; without one they are listed."`
	Replace bool   `xor:"decision" help:"It takes the place of the first, which is deleted."`
	Discard bool   `xor:"decision" help:"The first stays, and it is deleted."`
	Reason  string `placeholder:"TEXT" help:"Why; it is kept and journalled."`
}

func (studyAsideCmd) Help() string {
	return `An object that comes under the SOP Instance UID of another one with other content is kept and not shown, and the first
stays as it was, until somebody decides. Without an id, those objects are listed; with one, it is said in which attributes the
two differ, without their values, or what is decided is done. What goes can be brought back as long as what is deleted.
` + needsFolder + `

Example:

    radagora study aside --data /var/lib/radagora
    radagora study aside --data /var/lib/radagora --discard --reason "a test" 0198c0de-0001-7000-8000-000000000001`
}

// Run lists, compares or decides.
func (c studyAsideCmd) Run(ctx context.Context, sys *system) error {
	if (c.Replace || c.Discard) && (c.ID == "" || c.Reason == "") {
		return wrong("a decision needs the id of an object and a reason")
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.LinkChange); err != nil {
			return err
		}
		if c.ID == "" {
			return c.list(ctx, sys, h)
		}
		q, err := h.Archive.QuarantinedOne(ctx, at, c.ID)
		if err != nil {
			return err
		}
		if !c.Replace && !c.Discard {
			return compareAside(ctx, sys, h, q)
		}
		if err := may(ctx, access.ObjectDelete); err != nil {
			return err
		}
		if c.Replace {
			if err := h.Archive.Replace(ctx, at, q.ID, c.Reason); err != nil {
				return err
			}
			_, err = fmt.Fprintln(sys.Out, "it took the place of the first")
			return err
		}
		d, err := h.Archive.Discard(ctx, at, q.ID, c.Reason)
		if err == nil {
			_, err = fmt.Fprintf(sys.Out, "discarded; until %s it can be brought back: radagora storage undo %s\n", atTime(d.Due), d.ID)
		}
		return err
	})
}

func (c studyAsideCmd) list(ctx context.Context, sys *system, h *house) error {
	w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
	for after := ""; ; {
		list, err := h.Archive.Quarantined(ctx, at, after, 500)
		if err != nil {
			return err
		}
		for _, q := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s %s\t%s\n", q.ID, q.SOP, uid.Name(q.SOPClass), q.Door, q.CallingAE, atTime(q.ReceivedAt))
			after = q.ID
		}
		if len(list) < 500 {
			return w.Flush()
		}
	}
}

// compareAside says in which attributes two objects differ.
func compareAside(ctx context.Context, sys *system, h *house, q archive.Quarantine) error {
	list, complete, err := h.Archive.Compare(ctx, q)
	if err != nil {
		return err
	}
	for _, d := range list {
		fmt.Fprintf(sys.Out, "%s %s\n", d.Tag, d.Tag.Keyword())
	}
	if !complete {
		fmt.Fprintln(sys.Out, "and more")
	}
	return nil
}
