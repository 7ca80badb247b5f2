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

/// So long all of them may take to come.
const START: Duration = Duration::from_micros(300);

/// Runs something of many short parallel steps on a thread of rayon's pool, while others of it look for work all the time instead of
/// falling asleep: waking a thread takes longer than such a step.
///
/// Those that wait do any work of the pool that there is. None is waited for that does not come, and no thread waits that has work of this
/// kind below it, so that two who run at the same time never wait for each other.
pub(crate) fn with_others_awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let others = rayon::current_num_threads().min(MOST) - 1;
    let (done, come) = (AtomicBool::new(false), AtomicUsize::new(0));
    let all_come = || {
        let start = Instant::now();
        while come.load(Ordering::Relaxed) < others && start.elapsed() < START {
            spin_loop();
        }
    };
    rayon::scope(|scope| {
        for _ in 0..others {
            scope.spawn(|_| {
                let Some(_part) = Part::take() else { return };
                come.fetch_add(1, Ordering::Relaxed);
                all_come();
                let mut idle = 0u32;
                while !done.load(Ordering::Acquire) {
                    idle = if rayon::yield_now() == Some(rayon::Yield::Executed) { 0 } else { idle + 1 };
                    // After a while, something else than this may need the processor.
                    if idle % 1024 == 1023 { std::thread::yield_now() } else { spin_loop() }
                }
            });
        }
        let _part = Part::take();
        // Also where the work panics, or nobody would go home.
        let _done = OnDrop(&done);
        all_come();
        work()
    })
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
        (!TAKES_PART.replace(true)).then_some(Self)
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

    #[test]
    fn panics_reach_the_caller() {
        let panicked = std::panic::catch_unwind(|| with_others_awake(|| -> u8 { panic!("of the work") }));
        assert!(panicked.is_err());
        assert_eq!(with_others_awake(|| 7), 7);
    }
}
