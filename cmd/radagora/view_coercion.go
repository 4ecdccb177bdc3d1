package main

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/tag"
	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
)

// A coercionView shows and changes what is made of what peers send.
type coercionView struct{ *view }

const (
	coercionShown    = 20 // objects of a preview
	coercionVersions = 20
)

// Coercion implements web.Coercion.
func (v coercionView) Coercion(ctx context.Context, peer string) (web.CoercionPage, error) {
	pg := web.CoercionPage{Now: web.CoercionDraft{Peer: peer}}
	if err := may(ctx, access.PeerChange); err != nil {
		return pg, err
	}
	for _, t := range archive.Coercible() {
		pg.Attributes = append(pg.Attributes, face.Choice{Code: t.Keyword(), Label: t.Name()})
	}
	for _, d := range archive.Doings() {
		pg.Doings = append(pg.Doings, string(d))
	}
	if peer == "" {
		peers, err := v.Sites.Peers(ctx, at)
		for _, p := range peers {
			pg.Peers = append(pg.Peers, p.AETitle)
		}
		return pg, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return pg, err
	}
	list, err := v.Archive.Coercions(ctx, at, peer, coercionVersions)
	for n, c := range list {
		x := web.CoercionVersion{CoercionDraft: web.CoercionDraft{Peer: peer, Issuer: c.Issuer, Reason: c.Reason}, By: cmp.Or(names[c.Actor], c.Actor), At: c.At, Until: c.Until}
		for _, r := range c.Rules {
			x.Rules = append(x.Rules, web.CoercionRule{Attribute: r.Tag.Keyword(), Do: string(r.Do), Find: r.Find, Text: r.Text})
		}
		if n == 0 {
			pg.Now.Issuer, pg.Now.Rules = x.Issuer, x.Rules
		}
		pg.Versions = append(pg.Versions, x)
	}
	return pg, err
}

// draftOf makes a coercion of a draft.
func draftOf(d web.CoercionDraft) (archive.Coercion, error) {
	c := archive.Coercion{Site: at, Peer: d.Peer, Issuer: d.Issuer, Reason: d.Reason}
	for n, r := range d.Rules {
		t, ok := tag.ByKeyword(r.Attribute)
		if !ok {
			return c, web.Refuse(map[string]string{"rule_" + strconv.Itoa(n): "coercion.wrong_rule"})
		}
		c.Rules = append(c.Rules, archive.Rule{Tag: t, Do: archive.Doing(r.Do), Find: r.Find, Text: r.Text})
	}
	return c, nil
}

// coercionRefused turns what is wrong with rules into what a form says.
func coercionRefused(err error) error {
	if err == nil || fault.Of(err) != fault.Invalid {
		return err
	}
	text := err.Error()
	if _, after, ok := strings.Cut(text, "rule "); ok {
		number, _, _ := strings.Cut(after, ":")
		if n, bad := strconv.Atoi(number); bad == nil {
			return web.Refuse(map[string]string{"rule_" + strconv.Itoa(n-1): "coercion.wrong_rule"})
		}
	}
	if strings.Contains(text, "issuer") {
		return web.Refuse(map[string]string{"issuer": "coercion.wrong_issuer"})
	}
	return web.Refuse(map[string]string{"reason": "reconcile.wrong_reason"})
}

// Preview implements web.Coercion.
func (v coercionView) Preview(ctx context.Context, d web.CoercionDraft) ([]web.CoercionRow, error) {
	c, err := draftOf(d)
	if err != nil {
		return nil, err
	}
	list, err := v.previewed(ctx, c, coercionShown)
	if err != nil {
		return nil, coercionRefused(err)
	}
	rows := []web.CoercionRow{}
	for _, x := range list {
		row := web.CoercionRow{Study: x.Study.String(), Label: x.SOP.String(), Received: x.ReceivedAt}
		for n, b := range x.Before {
			row.Changes = append(row.Changes, web.CoercionChange{Attribute: b.Tag.Name(), Before: b.Text.Reveal(), After: x.After[n].Text.Reveal()})
		}
		for _, k := range x.Unfit {
			if t, ok := tag.ByKeyword(k); ok {
				row.Unfit = append(row.Unfit, t.Name())
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Save implements web.Coercion.
func (v coercionView) Save(ctx context.Context, d web.CoercionDraft) error {
	if err := may(ctx, access.PeerChange); err != nil {
		return err
	}
	c, err := draftOf(d)
	if err != nil {
		return err
	}
	_, err = v.Archive.Coerce(ctx, c)
	return coercionRefused(err)
}

// Undo implements web.Coercion.
func (v coercionView) Undo(ctx context.Context, peer, reason string) error {
	if err := may(ctx, access.PeerChange); err != nil {
		return err
	}
	if reason == "" {
		return web.Refuse(map[string]string{"undo_reason": "reconcile.wrong_reason"})
	}
	_, err := v.Archive.Uncoerce(ctx, at, peer, reason)
	return err
}
