package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"radagora/web"
	"radagora/web/face"
	"radagora/web/webtest"
)

// coercions knows what is made of what one peer sends.
type coercions struct {
	told
	page web.CoercionPage
	rows []web.CoercionRow
}

func (c *coercions) Coercion(_ context.Context, peer string) (web.CoercionPage, error) {
	pg := c.page
	pg.Now.Peer = peer
	return pg, nil
}

func (c *coercions) refuses(d web.CoercionDraft) error {
	wrong := map[string]string{}
	for n, r := range d.Rules {
		if r.Find == "(" {
			wrong[fmt.Sprintf("rule_%d", n)] = "coercion.wrong_rule"
		}
	}
	if len(wrong) > 0 {
		return web.Refuse(wrong)
	}
	return nil
}

func (c *coercions) Preview(_ context.Context, d web.CoercionDraft) ([]web.CoercionRow, error) {
	return c.rows, c.refuses(d)
}

func (c *coercions) Save(_ context.Context, d web.CoercionDraft) error {
	if d.Reason == "" {
		return web.Refuse(map[string]string{"reason": "reconcile.wrong_reason"})
	}
	if err := c.refuses(d); err != nil {
		return err
	}
	return c.note("save", d.Peer, d.Issuer, fmt.Sprint(d.Rules), d.Reason)
}

func (c *coercions) Undo(_ context.Context, peer, reason string) error {
	if reason == "" {
		return web.Refuse(map[string]string{"undo_reason": "reconcile.wrong_reason"})
	}
	return c.note("undo", peer, reason)
}

// coercionDesk returns pages that know them.
func coercionDesk(t *testing.T, c *coercions) *desk {
	t.Helper()
	return newDesk(t, func(config *web.Config, _ *webtest.World) { config.Coercion = c })
}

// ofOnePeer returns what holds for CT1, and what did.
func ofOnePeer() *coercions {
	now := web.CoercionDraft{Issuer: "NORTH", Rules: []web.CoercionRule{{Attribute: "PatientID", Do: "replace", Find: "^0+", Text: ""}}}
	return &coercions{
		page: web.CoercionPage{
			Peers: []string{"CT1", "MR & 2"}, Now: now, Attributes: []face.Choice{{Code: "PatientID", Label: "Patient ID"}, {Code: "StationName", Label: "Station"}},
			Doings: []string{"set", "fill", "prefix", "replace", "pad", "empty"},
			Versions: []web.CoercionVersion{
				{CoercionDraft: web.CoercionDraft{Issuer: "NORTH", Rules: now.Rules, Reason: "zeros in front"}, By: "Person One", At: day},
				{CoercionDraft: web.CoercionDraft{Issuer: "NORTH", Reason: "a clinic of its own"}, By: "Person Two", At: day.AddDate(0, -1, 0), Until: day},
			},
		},
		rows: []web.CoercionRow{
			{Study: "2.25.4001", Label: "Example head", Received: day, Changes: []web.CoercionChange{{Attribute: "Patient ID", Before: "0012", After: "12"}}, Unfit: []string{"Station"}},
			{Study: "2.25.4002", Label: "Example chest", Received: day},
		},
	}
}

const coercionAt = "/settings/peers/coercion"

func TestCoercionPage(t *testing.T) {
	c := ofOnePeer()
	d := coercionDesk(t, c)
	wants(t, d.get(coercionAt, 200), []string{"Which peer?", `href="/settings/peers/coercion?peer=MR+%26+2"`}, []string{"<textarea", `name="issuer"`})
	body := d.get(coercionAt+"?peer=CT1", 200)
	wants(t, body, []string{
		"What is made of what CT1 sends", `value="NORTH"`, `value="^0+"`, `name="attribute_3"`, "zeros in front", "Person Two", "a clinic of its own", "has replaced",
	}, []string{"What they would make of what came last", `name="attribute_4"`})
	c.page = web.CoercionPage{}
	wants(t, d.get(coercionAt+"?peer=CT1", 200), []string{"Nothing is made of what it sends"}, []string{`value="undo"`})
	wants(t, d.get(coercionAt, 200), []string{"Which peer?"}, []string{"<li><a href=\"/settings/peers/coercion?peer="})
}

func TestCoercionIsTriedAndSaved(t *testing.T) {
	c := ofOnePeer()
	d := coercionDesk(t, c)
	draft := func(do string, more ...string) url.Values {
		f := url.Values{
			"do": {do}, "peer": {"CT1"}, "issuer": {" SOUTH "}, "reason": {"as the clinic asked"},
			"attribute_0": {"PatientID"}, "do_0": {"replace"}, "find_0": {"^0+"}, "text_0": {""},
			"attribute_1": {""}, "do_1": {"set"}, "text_1": {"nothing, because no attribute is chosen"},
			"attribute_2": {"StationName"}, "do_2": {"set"}, "text_2": {"CT 1"},
		}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	_, body := d.post(coercionAt, draft("preview"), http.StatusOK)
	wants(t, body, []string{
		"2 objects were looked at. Nothing was changed.", "0012", "Patient ID", "unchanged", "would not fit, and stays: Station", `value="SOUTH"`, `value="CT 1"`, "as the clinic asked",
	}, []string{"This was not saved.", "nothing, because no attribute is chosen"})
	c.rows = nil
	_, body = d.post(coercionAt, draft("preview"), http.StatusOK)
	wants(t, body, []string{"Nothing came from this peer yet"}, nil)
	for name, form := range map[string]url.Values{
		"a rule that cannot be, looked at": draft("preview", "find_0", "("),
		"a rule that cannot be, saved":     draft("save", "find_0", "("),
		"no reason":                        draft("save", "reason", " "),
		"an undo without a reason":         draft("undo", "undo_reason", ""),
	} {
		if _, body := d.post(coercionAt, form, http.StatusBadRequest); form.Get("do") != "undo" {
			wants(t, body, []string{`value="SOUTH"`, `value="CT 1"`}, []string{"What they would make of what came last"})
		} else {
			wants(t, body, []string{"Say why.", `value="NORTH"`}, nil)
		}
		if len(c.told) > 0 {
			t.Errorf("%s: %v was done", name, c.told)
		}
	}
	for _, x := range []struct {
		form     url.Values
		to, told string
	}{
		{draft("save"), coercionAt + "?done=coercion_save&peer=CT1", "save CT1 SOUTH [{PatientID replace ^0+ } {StationName set  CT 1}] as the clinic asked"},
		{draft("undo", "undo_reason", "it was wrong"), coercionAt + "?done=coercion_undo&peer=CT1", "undo CT1 it was wrong"},
	} {
		c.told = nil
		to, _ := d.post(coercionAt, x.form, http.StatusSeeOther)
		if to != x.to || len(c.told) != 1 || c.told[0] != x.told {
			t.Errorf("leads to %q and did %q; want %q and %q", to, c.told, x.to, x.told)
		}
		wants(t, d.get(to, 200), nil, []string{"done.coercion"})
	}
}
