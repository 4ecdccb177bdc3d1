package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"radagora/dose"
	"radagora/dose/protocol"
	"radagora/lang"
	"radagora/site"
	"radagora/web"
)

// maxMarks is how many changes are drawn in one chart.
const maxMarks = 12

// changes marks where a protocol of the drawn examinations or the software of a machine
// changed, with the latest first to be kept if there are too many.
func (d *doseView) changes(ctx context.Context, c *web.DoseCharts, rows []*dose.Row) error {
	rules, err := protocol.LoadRules(d.Content, at)
	if err != nil {
		return err
	}
	for _, room := range d.plan.Rooms {
		used := map[string]bool{} // names of protocols
		drawn := false
		for _, r := range rows {
			if r.Room != room.ID {
				continue
			}
			drawn = true
			for name := range d.o.Divide(r) {
				used[name] = true
			}
		}
		if !drawn {
			continue
		}
		for _, m := range room.Machines {
			marks, err := d.Protocols.Marks(ctx, at, m.ID, d.o.From, d.o.To)
			if err != nil {
				return err
			}
			for _, k := range marks {
				if used[k.Protocol] {
					c.Markers = append(c.Markers, protocolMark(rules, d.q.Language, room.Name, k))
				}
			}
			c.Markers = append(c.Markers, softwareMarks(room.Name, m, d.o.From, d.o.To)...)
		}
	}
	slices.SortStableFunc(c.Markers, func(a, b web.DoseMarker) int { return a.At.Compare(b.At) })
	if n := len(c.Markers) - maxMarks; n > 0 {
		c.Markers, c.Earlier = c.Markers[n:], n
	}
	return nil
}

// protocolMark marks a change of a protocol, with what changed.
func protocolMark(rules protocol.Rules, language, room string, k protocol.Mark) web.DoseMarker {
	names := labels(rules, language)
	var changed []string
	for _, c := range k.Changed {
		changed = append(changed, cmp.Or(names[c.Setting], c.Setting))
	}
	return web.DoseMarker{
		At: day(k.Day), Href: web.ProtocolAt(protocolID(k.Key)),
		What: lang.Message{Key: "protocols.mark", Args: lang.Args{
			"room": room, "protocol": cmp.Or(k.Protocol, "–"), "version": k.Version, "changed": strings.Join(changed, ", "),
		}},
	}
}

// softwareMarks marks new software of a machine; what was seen first is no change.
func softwareMarks(room string, m site.Machine, from, to string) (all []web.DoseMarker) {
	first := ""
	for _, s := range m.Software {
		if first == "" || s.FirstDay < first {
			first = s.FirstDay
		}
	}
	for _, s := range m.Software {
		if s.FirstDay > first && s.FirstDay >= from && s.FirstDay <= to {
			all = append(all, web.DoseMarker{
				At: day(s.FirstDay), Href: web.DeviceAt(m.ID),
				What: lang.Message{Key: "protocols.mark_software", Args: lang.Args{"room": room, "version": strings.TrimSpace(s.Value)}},
			})
		}
	}
	return all
}
