package connect

import (
	"context"

	"radagora/fault"
)

// ChannelName returns what people call a channel, "" if there is none of that id. It
// asks nobody whether they may: facts show their origin to whoever may see them.
func (r *Register) ChannelName(ctx context.Context, site, id string) (string, error) {
	c, err := r.channel(ctx, r.DB, site, id)
	if err != nil && fault.Of(err) == fault.NotFound {
		return "", nil
	}
	return c.Name, err
}
