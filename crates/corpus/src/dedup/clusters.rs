//! Which documents are one cluster: union–find over pairs, the root being the smallest number.
//!
//! The root of a cluster does not depend on the order in which its pairs came. Four bytes a document.

pub(crate) struct Clusters(Vec<u32>);

impl Clusters {
    pub(crate) fn new(documents: usize) -> Self {
        Self((0..documents as u32).collect())
    }

    pub(crate) fn root(&mut self, mut document: u32) -> u32 {
        loop {
            let parent = self.0[document as usize];
            if parent == document {
                return document;
            }
            // Each step halves the way of the next.
            let above = self.0[parent as usize];
            self.0[document as usize] = above;
            document = above;
        }
    }

    pub(crate) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_of_pairs_does_not_matter(pairs in proptest::collection::vec((0u32..40, 0u32..40), 0..60)) {
            let roots = |pairs: &mut dyn Iterator<Item = &(u32, u32)>| {
                let mut clusters = Clusters::new(40);
                pairs.for_each(|(a, b)| clusters.join(*a, *b));
                (0..40).map(|document| clusters.root(document)).collect::<Vec<_>>()
            };
            let forwards = roots(&mut pairs.iter());
            prop_assert_eq!(&forwards, &roots(&mut pairs.iter().rev()));
            for (a, b) in &pairs {
                prop_assert_eq!(forwards[*a as usize], forwards[*b as usize]);
            }
            prop_assert!(forwards.iter().enumerate().all(|(document, root)| *root as usize <= document));
        }
    }
}
