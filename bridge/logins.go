package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/store"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// mobility is who is logged in where, as the policy in force has it. The keeper's mu
// guards it.
type mobility struct {
	logins   policy.Logins
	sessions []policystore.Session
	revision uint64
}

// loadLogins reads who is logged in, for the first policy. What cannot be read logs
// nobody in: phones work as they do without, and the log says why.
func (k *policyKeeper) loadLogins(ctx context.Context, policies policystore.Store) error {
	list, revision, err := policies.Sessions(ctx)
	if errors.Is(err, policystore.ErrCorrupt) {
		k.b.log.Error("who is logged in cannot be read; nobody is", "error", err)
		err = nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mobile = mobility{policystore.LoginsOf(list), list, revision}
	return err
}

// followLogins takes the store's logins over.
func (k *policyKeeper) followLogins(ctx context.Context, revision uint64) {
	k.turn.Lock()
	defer k.turn.Unlock()
	k.mu.Lock()
	now := k.mobile.revision
	k.mu.Unlock()
	if now == revision {
		return
	}
	if err := k.takeLogins(ctx); err != nil && ctx.Err() == nil {
		k.b.log.Error("who is logged in cannot be read; those known stay", "error", err)
	}
}

// takeLogins puts the logins of the store in force. turn is held.
func (k *policyKeeper) takeLogins(ctx context.Context) error {
	list, revision, err := k.b.policies.Sessions(ctx)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mobile = mobility{policystore.LoginsOf(list), list, revision}
	k.swap(ctx)
	return nil
}

// Logins are those logged in, in force or not, sorted by tenant and phone. Read only.
func (k *policyKeeper) Logins() []policystore.Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mobile.sessions
}

// LogIn logs an end user in on a phone, if the policy in force allows it, and returns
// when that is stored and in force. The error matches one of package policy's, or
// store.ErrAway.
func (k *policyKeeper) LogIn(ctx context.Context, phone policy.PhoneRef, in policy.Login, who string) (moved policystore.Moved, err error) {
	err = k.changeLogins(ctx, func() error {
		if _, err := k.snapshot().LoginProfile(phone, in); err != nil {
			return err
		}
		moved, _, err = k.b.policies.LogIn(ctx, phone, in, policystore.Note{Who: who})
		return err
	})
	if err == nil {
		k.b.log.Info("an end user logged in", "tenant", phone.Tenant, "phone", phone.Phone, "user", in.UserID, "who", who)
	}
	return moved, err
}

// LogOut logs out whoever is logged in on a phone; errors as those of LogIn.
func (k *policyKeeper) LogOut(ctx context.Context, phone policy.PhoneRef, who string) (was policy.Login, err error) {
	err = k.changeLogins(ctx, func() error {
		was, _, err = k.b.policies.LogOut(ctx, phone, policystore.Note{Who: who})
		return err
	})
	if err == nil {
		k.b.log.Info("an end user logged out", "tenant", phone.Tenant, "phone", phone.Phone, "user", was.UserID, "who", who)
	}
	return was, err
}

// changeLogins lets change write to the store, and puts in force what is there then.
func (k *policyKeeper) changeLogins(ctx context.Context, change func() error) error {
	k.turn.Lock()
	defer k.turn.Unlock()
	err := change()
	if err == nil {
		// What is stored is put in force whole, whoever still waits for it.
		err = k.takeLogins(context.WithoutCancel(ctx))
	}
	if err == nil || ctx.Err() != nil || isMobility(err) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrAway, err)
}

// isMobility reports whether an error is the policy's answer.
func isMobility(err error) bool {
	for _, e := range []error{policy.ErrNoPhone, policy.ErrNoUser, policy.ErrNoProfile, policy.ErrNotMobile, policy.ErrNotLoggedIn} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// LogInDialled logs in whom a phone dialled behind the login code, as "user*pin". Besides
// LogIn's, the error may match policy.ErrPIN, or be an admin.WaitError: after wrong ones
// the phone must wait.
func (k *policyKeeper) LogInDialled(ctx context.Context, phone policy.PhoneRef, dialled, who string) (in policy.Login, moved policystore.Moved, err error) {
	now := time.Now()
	if wait := k.pins.wait(phone, now); wait > 0 {
		return in, moved, &admin.WaitError{Wait: wait}
	}
	if in, err = k.snapshot().DialledLogin(phone.Tenant, dialled); err == nil {
		moved, err = k.LogIn(ctx, phone, in, who)
	}
	if _, known := k.snapshot().LoginProfile(phone, in); !errors.Is(known, policy.ErrNoPhone) && !errors.Is(err, store.ErrAway) {
		k.pins.tried(phone, err == nil, now)
	}
	if errors.Is(err, policy.ErrPIN) || errors.Is(err, policy.ErrNoUser) {
		k.b.log.Warn("a login was refused", "tenant", phone.Tenant, "phone", phone.Phone, "who", who, "error", err)
	}
	return in, moved, err
}

// LoginTrail are the newest logins and logouts, the newest first.
func (k *policyKeeper) LoginTrail(ctx context.Context, limit int) ([]policystore.LoginEntry, error) {
	list, err := k.b.policies.LoginAudit(ctx, limit)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", store.ErrAway, err)
	}
	return list, err
}
