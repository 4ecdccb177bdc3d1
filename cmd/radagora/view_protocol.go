package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"radagora/dose"
	"radagora/dose/protocol"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// A protocolView shows the protocols of scanners.
type protocolView struct{ *view }

// protocolID names a protocol in addresses.
func protocolID(k protocol.Key) string {
	return base64.RawURLEncoding.EncodeToString([]byte(k.Machine + "\x00" + k.Type + "\x00" + k.Protocol))
}

// protocolKey returns the protocol that an address names.
func protocolKey(id string) (protocol.Key, error) {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	parts := strings.SplitN(string(raw), "\x00", 3)
	if err != nil || len(parts) != 3 {
		return protocol.Key{}, notFound("scanner protocol")
	}
	return protocol.Key{Machine: parts[0], Type: parts[1], Protocol: parts[2]}, nil
}

// Protocols implements web.Protocols.
func (v protocolView) Protocols(ctx context.Context, language string) ([]web.ScanProtocol, error) {
	all, err := v.house.Protocols.Versions(ctx, at, "")
	if err != nil {
		return nil, err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := protocol.LoadRules(v.Content, at)
	if err != nil {
		return nil, err
	}
	p := v.catalogue.Printer(language)
	var out []web.ScanProtocol
	for _, x := range all {
		if x.Number == 1 {
			out = append(out, web.ScanProtocol{
				ID: protocolID(x.Key), Room: plan.ref(plan.of(x.Machine)), Name: x.Protocol, Type: x.Type, Modality: x.Modality, First: x.First,
			})
		}
		last := &out[len(out)-1]
		last.Last, last.N, last.Summary = x.Last, last.N+x.N, summary(p, rules, x)
		last.Versions = append(last.Versions, web.ProtocolVersion{Number: x.Number, First: x.First, Last: x.Last, N: x.N})
	}
	slices.SortStableFunc(out, func(a, b web.ScanProtocol) int {
		return cmp.Or(cmp.Compare(a.Room.Name, b.Room.Name), cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

// summary says the first settings of a version.
func summary(p *lang.Printer, rules protocol.Rules, x protocol.Version) string {
	var parts []string
	for _, s := range rules.Settings {
		if values := x.Settings[s.Code]; s.Version && len(values) > 0 && len(parts) < 4 {
			parts = append(parts, strings.TrimSpace(protocol.Text(worded(p, values[:1]))+" "+unitOf(s)))
		}
	}
	return strings.Join(parts, " · ")
}

// unitOf returns the unit of a setting for people, "" of a mere number.
func unitOf(s protocol.Setting) string {
	if s.Unit == "1" {
		return s.Code
	}
	return strings.NewReplacer("{", "", "}", "").Replace(s.Unit)
}

// labelOf returns what a setting is called in a language.
func labelOf(s protocol.Setting, language string) string {
	return cmp.Or(s.Label[language], s.Label["en"], s.Code)
}

// labels returns what settings are called, by code.
func labels(rules protocol.Rules, language string) map[string]string {
	out := map[string]string{}
	for _, s := range rules.Settings {
		out[s.Code] = labelOf(s, language)
	}
	return out
}

// Protocol implements web.Protocols.
func (v protocolView) Protocol(ctx context.Context, id, language string) (web.ScanProtocol, error) {
	key, err := protocolKey(id)
	if err != nil {
		return web.ScanProtocol{}, err
	}
	all, err := v.Protocols(ctx, language)
	if err != nil {
		return web.ScanProtocol{}, err
	}
	i := slices.IndexFunc(all, func(p web.ScanProtocol) bool { return p.ID == id })
	if i < 0 {
		return web.ScanProtocol{}, notFound("scanner protocol")
	}
	x := all[i]
	rules, err := protocol.LoadRules(v.Content, at)
	if err != nil {
		return x, err
	}
	effects, err := v.house.Protocols.Effects(ctx, at, key.Machine)
	if err != nil {
		return x, err
	}
	names, p := labels(rules, language), v.catalogue.Printer(language)
	for _, e := range effects {
		if e.Key != key {
			continue
		}
		ver := &x.Versions[e.Number-1]
		for _, c := range e.Changed {
			ver.Changed = append(ver.Changed, web.ProtocolChange{Label: cmp.Or(names[c.Setting], c.Setting), From: codeWord(p, c.From), To: codeWord(p, c.To)})
		}
		if len(e.Effects) > 0 {
			shown := protocolEffect(e.Effects[0])
			ver.Effect = &shown
		}
	}
	slices.Reverse(x.Versions)
	return x, nil
}

// protocolEffect makes an effect of the page.
func protocolEffect(e protocol.Effect) web.ProtocolEffect {
	return web.ProtocolEffect{
		Quantity: e.Code, Unit: e.Unit, A: e.A.Median, B: e.B.Median, NA: e.A.N, NB: e.B.N,
		Ratio: e.Ratio, Low: e.Low, High: e.High, Interval: e.Interval, Certain: e.Certain(),
	}
}

// sides returns the sides of a comparison as the register has them.
func sides(a, b web.ProtocolSide) (left, right protocol.Side, err error) {
	for _, s := range []struct {
		from web.ProtocolSide
		to   *protocol.Side
	}{{a, &left}, {b, &right}} {
		if s.to.Key, err = protocolKey(s.from.ID); err != nil {
			return left, right, err
		}
		s.to.Version, s.to.From, s.to.To = s.from.Version, s.from.From, s.from.To
	}
	return left, right, nil
}

// CompareProtocols implements web.Protocols.
func (v protocolView) CompareProtocols(ctx context.Context, a, b web.ProtocolSide, language string) (web.ProtocolComparison, error) {
	out := web.ProtocolComparison{A: a, B: b}
	all, err := v.Protocols(ctx, language)
	if err != nil {
		return out, err
	}
	for _, p := range all {
		name := p.Room.Name + " · " + cmp.Or(p.Name, "–") + " · " + p.Type
		out.Choices = append(out.Choices, face.Choice{Code: p.ID + ".0", Label: name})
		for _, ver := range p.Versions {
			if len(p.Versions) > 1 {
				out.Choices = append(out.Choices, face.Choice{Code: p.ID + "." + strconv.Itoa(ver.Number), Label: name + " · " + strconv.Itoa(ver.Number) + " (" + ver.First + ")"})
			}
		}
	}
	if a.ID == "" || b.ID == "" {
		return out, nil
	}
	left, right, err := sides(a, b)
	if err != nil {
		return out, err
	}
	c, err := v.house.Protocols.Compare(ctx, at, left, right)
	if err != nil {
		return out, err
	}
	out.NameA, out.NameB = sideName(out.Choices, a), sideName(out.Choices, b)
	out.NA, out.NB = c.NA, c.NB
	p := v.catalogue.Printer(language)
	for _, r := range c.Rows {
		out.Rows = append(out.Rows, web.ProtocolRow{Label: labelOf(r.Setting, language), Unit: unitOf(r.Setting), A: protocol.Text(worded(p, r.A)), B: protocol.Text(worded(p, r.B)), Differ: r.Differ})
	}
	for _, e := range c.Effects {
		out.Effects = append(out.Effects, protocolEffect(e))
	}
	return out, nil
}

// sideName returns what a side is called.
func sideName(choices []face.Choice, s web.ProtocolSide) string {
	code := s.ID + "." + strconv.Itoa(s.Version)
	for _, c := range choices {
		if c.Code == code {
			return c.Label
		}
	}
	return s.From
}

// ProposeProtocol implements web.Protocols.
func (v protocolView) ProposeProtocol(ctx context.Context, a, b web.ProtocolSide, why, due string) error {
	left, right, err := sides(a, b)
	if err != nil {
		return err
	}
	c, err := v.house.Protocols.Compare(ctx, at, left, right)
	if err != nil {
		return err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return err
	}
	_, err = v.house.Protocols.Propose(ctx, at, plan.of(left.Machine), c, protocol.Proposal{Note: why, Due: due})
	return err
}

// DoseChecks implements web.Protocols.
func (v protocolView) DoseChecks(ctx context.Context) ([]web.DoseCheckRoom, error) {
	plan, err := v.plan(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := protocol.LoadRules(v.Content, at)
	if err != nil {
		return nil, err
	}
	settings, err := dose.LoadSettings(v.Content, at)
	if err != nil {
		return nil, err
	}
	p := dose.Last(settings.Period, v.Now())
	all, err := v.house.Protocols.Checks(ctx, at, p.From, p.To)
	if err != nil {
		return nil, err
	}
	odd := map[[2]string]bool{}
	for _, f := range protocol.Odd(all, rules.CheckRatio) {
		odd[[2]string{f.Machine, f.Quantity}] = true
	}
	var out []web.DoseCheckRoom
	for _, c := range all {
		room := web.DoseCheckRoom{Room: plan.ref(plan.of(c.Machine)), Examinations: c.Examinations, Exceeding: c.Exceeding, PerThousand: c.PerThousand()}
		for _, g := range c.Whole {
			shown := checkGroup(g)
			shown.Odd = g.Kind == "alert" && odd[[2]string{c.Machine, g.Quantity}]
			room.Whole = append(room.Whole, shown)
		}
		for _, g := range c.Protocols {
			room.Protocols = append(room.Protocols, checkGroup(g))
		}
		for _, x := range c.Reasons {
			room.Exceedances = append(room.Exceedances, web.DoseExceedance{
				Study: x.Study, Day: x.Day, Protocol: x.Protocol, Kind: x.Kind, Quantity: x.Quantity, Unit: x.Unit,
				Value: x.Value, Estimate: x.Estimate, Reason: x.Reason, Role: x.Role,
			})
		}
		out = append(out, room)
	}
	return out, nil
}

// checkGroup makes a group of the page.
func checkGroup(g protocol.CheckGroup) web.DoseCheckGroup {
	var values []string
	for i, x := range g.Values {
		if i == 4 {
			values = append(values, "…")
			break
		}
		values = append(values, strconv.FormatFloat(x.Value, 'g', -1, 64))
	}
	text := strings.Join(values, ", ")
	if text != "" {
		text += " " + g.Unit
	}
	return web.DoseCheckGroup{
		Protocol: g.Protocol, Kind: g.Kind, Quantity: g.Quantity, State: g.State, Values: text, Exceeded: g.Exceeded, NoReason: g.NoReason,
	}
}
