package webtest

import (
	"context"
	"strconv"

	"radagora/web"
)

// Size implements web.DoseCT: what is no number is refused.
func (*World) Size(_ context.Context, _ string, s web.SizeSaid) error {
	if _, err := strconv.ParseFloat(s.Weight, 64); err != nil {
		return web.Refuse(map[string]string{"weight": "done.size_wrong"})
	}
	return nil
}
