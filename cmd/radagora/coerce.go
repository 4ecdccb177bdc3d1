package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/tag"
)

type coerceCmd struct {
	Set     coerceSetCmd     `cmd:"" help:"Have rules hold for what a peer sends from now on."`
	Preview coercePreviewCmd `cmd:"" help:"Show what rules would make of what a peer sent last."`
	Undo    coerceUndoCmd    `cmd:"" help:"Have what held before hold again for what comes."`
	List    coerceListCmd    `cmd:"" help:"List what holds, and what did."`
}

// A coerceFlags is what somebody types of rules.
type coerceFlags struct {
	Peer   string   `name:"from" required:"" placeholder:"TITLE" help:"Application entity title of the peer."`
	Issuer string   `placeholder:"ISSUER" help:"Issuer of patient IDs that come without one."`
	Rule   []string `sep:"none" placeholder:"RULE" help:"A rule, again for each: KEYWORD and what is done: set TEXT, fill TEXT, prefix TEXT, replace REGEXP => TEXT, pad DIGITS, empty."`
}

const coerceRules = `A rule is a keyword and what is done with the attribute:

    "InstitutionName set Clinic North"     it says that
    "StudyDescription fill unknown"        it says that if it said nothing
    "AccessionNumber prefix N-"            that stands before it, once
    "PatientID replace ^0+ => "            what the regular expression matches becomes the text
    "PatientID pad 8"                      digits get zeros before them
    "StationName empty"                    it says nothing

Rules work one after another. What an attribute cannot hold is not made: it stays as it was.
`

// coercion reads what was typed.
func (c coerceFlags) coercion() (archive.Coercion, error) {
	out := archive.Coercion{Site: at, Peer: c.Peer, Issuer: c.Issuer}
	for _, text := range c.Rule {
		r, err := parseRule(text)
		if err != nil {
			return out, err
		}
		out.Rules = append(out.Rules, r)
	}
	return out, nil
}

// parseRule reads a rule as it is typed.
func parseRule(text string) (archive.Rule, error) {
	keyword, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	do, rest, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	t, ok := tag.ByKeyword(keyword)
	if !ok {
		return archive.Rule{}, wrong("no attribute has the keyword %q", keyword)
	}
	r := archive.Rule{Tag: t, Do: archive.Doing(do), Text: strings.TrimSpace(rest)}
	if r.Do == archive.Replace {
		find, with, ok := strings.Cut(rest, "=>")
		if !ok {
			return r, wrong("write: %s replace REGEXP => TEXT", keyword)
		}
		r.Find, r.Text = strings.TrimSpace(find), strings.TrimSpace(with)
	}
	return r, nil
}

// ruleText writes a rule as it is typed.
func ruleText(r archive.Rule) string {
	words := []string{r.Tag.Keyword(), string(r.Do)}
	if r.Do == archive.Replace {
		words = append(words, r.Find, "=>")
	}
	return strings.TrimSpace(strings.Join(append(words, r.Text), " "))
}

type coerceSetCmd struct {
	settings
	coerceFlags
	Reason string `required:"" placeholder:"TEXT" help:"Why; it is kept and journalled."`
}

func (coerceSetCmd) Help() string {
	return `The objects stay as they were received and can still be had; lists, answers and everything that is sent out say what
the rules made, and in Original Attributes Sequence what was changed. The peer is answered B000, coercion of data
elements. Without rules and issuer nothing is made of what comes any more. What came before stays as it is.

` + coerceRules + needsFolder + `

Example:

    radagora coerce set --data /var/lib/radagora --from CT1 --issuer NORTH --rule "AccessionNumber prefix N-" --reason "a clinic with numbers of its own"`
}

// Run has rules hold.
func (c coerceSetCmd) Run(ctx context.Context, sys *system) error {
	rules, err := c.coercion()
	if err != nil {
		return err
	}
	rules.Reason = c.Reason
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.PeerChange); err != nil {
			return err
		}
		made, err := h.Archive.Coerce(ctx, rules)
		if err == nil {
			_, err = fmt.Fprintf(sys.Out, "version %s holds for what %s sends; to take it back: radagora coerce undo --from %s\n", made.ID, made.Peer, made.Peer)
		}
		return err
	})
}

type coercePreviewCmd struct {
	settings
	coerceFlags
	Last int `default:"20" help:"How many objects are looked at, the latest first."`
}

func (coercePreviewCmd) Help() string {
	return `Nothing is changed. That identities were shown is journalled.

` + coerceRules + needsFolder + `

Example:

    radagora coerce preview --data /var/lib/radagora --from CT1 --rule "PatientID pad 8"`
}

// Run shows what rules would make.
func (c coercePreviewCmd) Run(ctx context.Context, sys *system) error {
	rules, err := c.coercion()
	if err != nil {
		return err
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		list, err := h.previewed(ctx, rules, min(max(c.Last, 1), 1000))
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		for _, x := range list {
			for n, b := range x.Before {
				fmt.Fprintf(w, "%s\t%s\t%s\t->\t%s\n", x.SOP, b.Tag.Keyword(), b.Text.Reveal(), x.After[n].Text.Reveal())
			}
			for _, k := range x.Unfit {
				fmt.Fprintf(w, "%s\t%s\t\t\twould not fit, and stays\n", x.SOP, k)
			}
			if len(x.Before)+len(x.Unfit) == 0 {
				fmt.Fprintf(w, "%s\tunchanged\n", x.SOP)
			}
		}
		return w.Flush()
	})
}

// previewed returns what rules would make of what a peer sent last, as far as whoever
// asks may see it, and notes that identities were shown.
func (h *house) previewed(ctx context.Context, c archive.Coercion, limit int) ([]archive.Coerced, error) {
	if err := may(ctx, access.PeerChange); err != nil {
		return nil, err
	}
	list, err := h.Archive.Preview(ctx, c, limit)
	if err != nil {
		return nil, err
	}
	var shown []archive.Coerced
	var persons []string
	for _, x := range list {
		who, err := h.Archive.PersonOf(ctx, at, x.Study.String())
		if err != nil {
			return nil, err
		}
		if h.mayStudy(ctx, access.ObjectRead, x.Study) != nil || access.Check(ctx, access.IdentityRead, access.Subject{Site: at, Person: who}) != nil {
			continue
		}
		if shown = append(shown, x); who != "" {
			persons = append(persons, who)
		}
	}
	if len(persons) == 0 {
		return shown, nil
	}
	return shown, h.looked(ctx, "coercion", persons...)
}

type coerceUndoCmd struct {
	settings
	Peer   string `name:"from" required:"" placeholder:"TITLE" help:"Application entity title of the peer."`
	Reason string `required:"" placeholder:"TEXT" help:"Why; it is kept and journalled."`
}

func (coerceUndoCmd) Help() string {
	return `The version before the one that holds, or nothing if there was none, holds again as a new version. What came
meanwhile stays under the rules under which it came.
` + needsFolder + `

Example:

    radagora coerce undo --data /var/lib/radagora --from CT1 --reason "the prefix is of another clinic"`
}

// Run undoes.
func (c coerceUndoCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.PeerChange); err != nil {
			return err
		}
		made, err := h.Archive.Uncoerce(ctx, at, c.Peer, c.Reason)
		if err == nil {
			_, err = fmt.Fprintf(sys.Out, "version %s holds for what %s sends\n", made.ID, made.Peer)
		}
		return err
	})
}

type coerceListCmd struct {
	settings
	Peer string `name:"from" placeholder:"TITLE" help:"Only those of one peer."`
}

func (coerceListCmd) Help() string {
	return `Prints each version with its rules, the latest first.

Example:

    radagora coerce list --data /var/lib/radagora`
}

// Run lists.
func (c coerceListCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.PeerRead); err != nil {
			return err
		}
		list, err := h.Archive.Coercions(ctx, at, c.Peer, 1000)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		for _, x := range list {
			var what []string
			if x.Issuer != "" {
				what = append(what, "issuer "+x.Issuer)
			}
			for _, r := range x.Rules {
				what = append(what, ruleText(r))
			}
			state := "holds"
			if !x.Until.IsZero() {
				state = "until " + atTime(x.Until)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, x.Peer, atTime(x.At), state, x.Actor, strings.Join(what, "; "), x.Reason)
		}
		return w.Flush()
	})
}
