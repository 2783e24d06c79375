package admintest

import (
	"context"
	"time"

	"blfbridge/bridge/admin"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// mobility is extension mobility over the rig's store.
type mobility struct{ r *Rig }

// Logins implements admin.Mobility.
func (m mobility) Logins() []policystore.Session {
	list, _, err := m.r.store.Sessions(context.Background())
	if err != nil {
		m.r.Error(err)
	}
	return list
}

// LogIn implements admin.Mobility.
func (m mobility) LogIn(ctx context.Context, phone policy.PhoneRef, in policy.Login, who string) (policystore.Moved, error) {
	if _, err := m.r.Snapshot().LoginProfile(phone, in); err != nil {
		return policystore.Moved{}, err
	}
	moved, _, err := m.r.store.LogIn(ctx, phone, in, policystore.Note{Who: who})
	m.follow()
	return moved, err
}

// LogInDialled implements admin.Mobility. A phone waits after its first wrong PIN.
func (m mobility) LogInDialled(ctx context.Context, phone policy.PhoneRef, dialled, who string) (policy.Login, policystore.Moved, error) {
	m.r.mu.Lock()
	waits := m.r.waits
	m.r.mu.Unlock()
	if waits {
		return policy.Login{}, policystore.Moved{}, &admin.WaitError{Wait: 7 * time.Second}
	}
	in, err := m.r.Snapshot().DialledLogin(phone.Tenant, dialled)
	if err != nil {
		m.r.mu.Lock()
		m.r.waits = true
		m.r.mu.Unlock()
		return in, policystore.Moved{}, err
	}
	moved, err := m.LogIn(ctx, phone, in, who)
	return in, moved, err
}

// LogOut implements admin.Mobility.
func (m mobility) LogOut(ctx context.Context, phone policy.PhoneRef, who string) (policy.Login, error) {
	was, _, err := m.r.store.LogOut(ctx, phone, policystore.Note{Who: who})
	m.follow()
	return was, err
}

// LoginTrail implements admin.Mobility.
func (m mobility) LoginTrail(ctx context.Context, limit int) ([]policystore.LoginEntry, error) {
	return m.r.store.LoginAudit(ctx, limit)
}

// follow puts the logins in force.
func (m mobility) follow() {
	logins := policystore.LoginsOf(m.Logins())
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	m.r.snapshot = m.r.snapshot.WithLogins(logins)
}
