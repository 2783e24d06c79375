package cluster

import "context"

// save brings the hash of devices up to the last entry.
func (p *publisher) save(ctx context.Context) error {
	if len(p.unsaved) == 0 || p.snapshot == "" {
		return nil
	}
	to := at{p.token, p.n}
	args := make([]any, 5, 5+2*len(p.unsaved))
	sets := 0
	for name, k := range p.unsaved {
		if k.Status.Name != "" {
			args = append(args, name, encode(k))
			sets++
		}
	}
	for name, k := range p.unsaved {
		if k.Status.Name == "" {
			args = append(args, name)
		}
	}
	args[0], args[1], args[2], args[3], args[4] = p.f.c.replica, p.token, p.saved.String(), to.String(), sets
	got, err := within(ctx, p.f.c, func() (int64, error) {
		return saveScript.Run(ctx, p.f.c.client, []string{p.f.keys.lease, p.snapshot}, args...).Int64()
	})
	if err = outcome(got, err); err != nil {
		return err
	}
	p.saved = to
	if len(p.unsaved) > chunk {
		p.unsaved = map[string]kept{} // maps do not shrink
	}
	clear(p.unsaved)
	return nil
}
