//! Threads that wait for the next step of one that has many short ones.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

thread_local! {
    /// Whether the thread is in [`with_others_awake`] already, on either side.
    static TAKES_PART: Cell<bool> = const { Cell::new(false) };
}

/// Threads that are kept awake at most.
const MOST: usize = 8;

/// So long the work waits for all of them to come, and they for each other.
const START: Duration = Duration::from_micros(300);

/// So long a thread stays before it looks whether what it waited for before is there; then it comes again.
const STAY: Duration = Duration::from_millis(1);

/// Who finds nothing to do for so long goes home.
const PATIENCE: Duration = Duration::from_millis(50);

/// Polls between two looks at the clock.
const POLLS: u32 = 256;

/// Runs something of many short parallel steps on a thread of rayon's pool, while others of it look for work all the time instead of
/// falling asleep: waking a thread takes longer than such a step.
///
/// Those that stay awake do any work of the pool that there is. A thread that runs such work itself, however deep below, never stays for
/// another's, and all others stay for a millisecond at a time: nobody waits for work that waits for him.
pub(crate) fn with_others_awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let others = rayon::current_num_threads().min(MOST) - 1;
    let party = Party { others, come: AtomicUsize::new(0), done: AtomicBool::new(false) };
    rayon::scope(|scope| {
        for _ in 0..others {
            scope.spawn(|scope| party.stay(scope, None));
        }
        let _part = Part::take();
        // Also where the work panics, or nobody would go home.
        let _done = OnDrop(&party.done);
        party.wait_for_all();
        work()
    })
}

struct Party {
    others: usize,
    come: AtomicUsize,
    done: AtomicBool,
}

impl Party {
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    fn wait_for_all(&self) {
        let start = Instant::now();
        while self.come.load(Ordering::Relaxed) < self.others && !self.is_done() && start.elapsed() < START {
            spin_loop();
        }
    }

    /// Does what there is to do for a while, and comes again. `since` when there was nothing, if it has been here before.
    fn stay<'s>(&'s self, scope: &rayon::Scope<'s>, since: Option<Instant>) {
        if self.is_done() {
            return;
        }
        let Some(part) = Part::take() else { return };
        if since.is_none() {
            self.come.fetch_add(1, Ordering::Relaxed);
            self.wait_for_all();
        }
        let start = Instant::now();
        let mut idle_since = since.unwrap_or(start);
        loop {
            let mut worked = false;
            for _ in 0..POLLS {
                if self.is_done() {
                    return;
                }
                match rayon::yield_now() {
                    Some(rayon::Yield::Executed) => worked = true,
                    _ => spin_loop(),
                }
            }
            let now = Instant::now();
            if worked {
                idle_since = now;
            } else {
                // Something else than this may need the processor.
                std::thread::yield_now();
            }
            if now - idle_since > PATIENCE {
                return;
            }
            if now - start > STAY {
                break;
            }
        }
        drop(part);
        scope.spawn(move |scope| self.stay(scope, Some(idle_since)));
    }
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The mark that a thread takes part.
struct Part;

impl Part {
    fn take() -> Option<Self> {
        (!TAKES_PART.replace(true)).then(|| Self)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        TAKES_PART.set(false);
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn many_at_once_all_end() {
        for threads in [1, 2, 3, 12] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let steps = |n: u64| (0..n).map(|_| (0..64u64).into_par_iter().sum::<u64>()).sum::<u64>();
            let one = |i: u64| with_others_awake(|| steps(i % 7 + 20) + with_others_awake(|| steps(3)));
            let sum: u64 = pool.install(|| (0..40u64).into_par_iter().map(one).sum());
            assert_eq!(sum, (0..40).map(|i| (i % 7 + 23) * 2016).sum::<u64>());
        }
    }

    /// Others are busy, so that their invitations stay with who sent them: he must not follow them while he works.
    #[test]
    fn nobody_stays_for_himself() {
        let pools = [3, 2].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
        let (busy, free) = (AtomicUsize::new(0), AtomicBool::new(false));
        let sum = pools[0].install(|| {
            rayon::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|_| {
                        busy.fetch_add(1, Ordering::Relaxed);
                        while !free.load(Ordering::Acquire) {
                            std::thread::yield_now();
                        }
                    });
                }
                while busy.load(Ordering::Relaxed) < 2 {
                    std::thread::yield_now();
                }
                let sum = with_others_awake(|| {
                    for _ in 0..20 {
                        let _ = rayon::yield_now();
                    }
                    pools[1].install(|| (0..9u64).into_par_iter().sum::<u64>())
                });
                free.store(true, Ordering::Release);
                sum
            })
        });
        assert_eq!(sum, 36);
    }

    #[test]
    fn panics_reach_the_caller() {
        let panicked = std::panic::catch_unwind(|| with_others_awake(|| -> u8 { panic!("of the work") }));
        assert!(panicked.is_err());
        assert_eq!(with_others_awake(|| 7), 7);
    }
}
