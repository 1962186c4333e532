// SPDX-License-Identifier: Apache-2.0
//! Functions of modules, implementations, traits, generics and closures.
use std::fmt::Display;
mod geo {
    pub struct Shape {
        pub width: i64,
        pub height: i64,
        pub name: String,
    }
    impl Shape {
        #[inline(never)]
        pub fn area(&self, scale: i64) -> i64 {
            self.width * self.height * scale
        }
    }
    pub trait Named {
        fn length(&self) -> usize;
    }
    impl Named for Shape {
        #[inline(never)]
        fn length(&self) -> usize {
            self.name.len()
        }
    }
}
use geo::Named;
#[inline(never)]
fn show<T: Display>(t: T, xs: &[i32], s: &str) -> usize {
    println!("{} {} {}", t, xs.len(), s);
    s.len()
}
fn main() {
    let s = geo::Shape { width: 3, height: 4, name: "box".to_string() };
    println!("{} {}", s.area(2), s.length());
    show(5u8, &[1, 2, 3], "hello");
    show("x", &[1], "bye");
    let f = |x: i32| x + 1;
    println!("{}", f(std::env::args().count() as i32));
}
